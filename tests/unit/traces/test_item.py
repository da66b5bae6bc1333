"""Test what the function would announce for an item, and which events are about it."""

from typing import Any

import pytest

from feature_events.encoder import Encoder
from feature_events.errors import Misconfigured
from feature_events.records.change import Item
from feature_events.tables.table import Description
from feature_events.traces.item import Identity, ItemState, read_state
from tests.support.backfills import KEY_NAMES, TABLE_ARN, to_scanned
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode_scanned
from tests.support.records import WRITTEN

TABLE = Description(TABLE_ARN, KEY_NAMES, None, dict.fromkeys(KEY_NAMES, "S"))
KEY: Item = {"bright_uid": {"S": "user-1"}, "category": {"S": "user_features"}}
IDENTITY = Identity("bright_uid", "user-1", "user_features", ())
KEYS = {"bright_uid": "{entity_id}", "category": "{resource_name}"}
LAYOUT = {"keys": KEYS, "entity_type": "user", "features": "data"}


def read(item: Item | None, *layouts: dict[str, Any]) -> ItemState:
    """Return the state of an item under these layouts, or under the default one."""
    return read_state(item, KEY, TABLE, Encoder(to_layouts(*layouts), "all", PREFIX, CODEC), 1_761_955_200_789)


def test_read_state__returns_the_event_of_the_item() -> None:
    """The event is that of a backfill, except for its id."""
    state = read(to_scanned())
    expected = encode_scanned(to_scanned()).event
    assert state.event is not None
    assert state == ItemState(IDENTITY, expected._replace(event_id=state.event.event_id), "", has_own_time=True)
    assert state.event.timestamp == WRITTEN


@pytest.mark.parametrize("updated_at", [None, "yesterday"])
def test_read_state__notes_that_the_item_has_no_time(updated_at: str | None) -> None:
    """Then the event's timestamp is not compared."""
    assert not read(to_scanned(updated_at=updated_at)).has_own_time


@pytest.mark.parametrize(
    ("item", "obstacle", "detail"),
    [
        (None, "absent", ""),
        (to_scanned(item={}), "no_features", ""),
        (to_scanned(item={"features": {"S": "text"}}), "poison", "features.data: features is not a map"),
    ],
    ids=["absent", "skipped", "poison"],
)
def test_read_state__returns_why_an_item_has_no_event(item: Item | None, obstacle: str, detail: str) -> None:
    """The item's events in the topic can still be found."""
    assert read(item) == ItemState(IDENTITY, None, obstacle, detail)


def test_read_state__knows_no_entity_without_a_layout() -> None:
    """No layout matches the item, so it has no events."""
    layout = {**LAYOUT, "keys": {**KEYS, "category": "orders"}, "resource_name": "r"}
    assert read(to_scanned(), layout) == ItemState(None, None, "other_item")
    assert read(None, layout) == ItemState(None, None, "absent")


def test_read_state__fails_without_a_layout_for_the_table() -> None:
    """An operator must correct the layouts."""
    with pytest.raises(Misconfigured, match="no layout fits"):
        read(None, {**LAYOUT, "table": "orders"})


def test_identity__contains_the_names_that_a_layout_writes() -> None:
    """With one feature per item, the events of other features are about other items."""
    layout = {
        "keys": {"bright_uid": "{entity_id}", "category": "{feature}"},
        "entity_type": "user",
        "resource_name": "scores",
        "features": {"names": ["{feature}"]},
    }
    identity = read(to_scanned(), layout).identity
    assert identity == Identity("user", "user-1", "scores", ("user_features",))
    event = encode_scanned(to_scanned(), layouts=to_layouts(layout)).event
    assert identity.matches(event)
    assert not identity.matches(event._replace(features=("other",)))


def test_read_state__identifies_an_item_by_its_own_key() -> None:
    """DynamoDB finds an item by any form of a number. The item, and so its events, have DynamoDB's form."""
    table = Description(TABLE_ARN, ("user",), None, {"user": "N"})
    layout = {"keys": {"user": "{entity_id}"}, "entity_type": "user", "resource_name": "r", "features": "data"}
    encoder = Encoder(to_layouts(layout), "all", PREFIX, CODEC)
    item = {**to_scanned(), "user": {"N": "17"}}
    identity = read_state(item, {"user": {"N": "17.0"}}, table, encoder, 0).identity
    assert identity == Identity("user", "17", "r", ())


@pytest.mark.parametrize("field", ["entity_type", "entity_id", "resource_name"])
def test_identity__does_not_match_other_items(field: str) -> None:
    """Each of these fields tells items apart. The features do not."""
    event = encode_scanned(to_scanned()).event
    assert IDENTITY.matches(event._replace(features=()))
    other: Any = {field: "other"}
    assert not IDENTITY.matches(event._replace(**other))
