"""Test the comparison of a change with the current item."""

import copy
from typing import Any, override

import pytest

from feature_events.encoder import Encoder
from feature_events.records.change import Change, Item
from feature_events.redrives.staleness import find_staleness
from feature_events.tables.table import Tables
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode
from tests.support.records import Json, to_expired_record, to_record, to_removal_record

KEYS = {"pk": {"S": "u-1"}}
LAYOUT = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r"}
JSON = {"features": {"json": "text"}}
FLAT = {"features": {"except": []}, "updated_at": "at"}


class OneItem(Tables):
    """Tables with one item, or none."""

    def __init__(self, item: Item | None) -> None:
        self._item = item

    @override
    def get_item(self, change: Change, seconds: float) -> Item | None:
        return self._item


def is_stale(layout: dict[str, Any], then: Json, now: Json) -> bool:
    """Return whether a change to the item `then` is stale if the current item is `now`, with mode `changed`."""
    record = to_record()
    record["dynamodb"] |= {"Keys": KEYS, "NewImage": KEYS | then}
    encoder = Encoder(to_layouts(LAYOUT | layout), "changed", PREFIX, CODEC)
    encoded = encode(record, layouts=encoder.layouts, features_mode="changed")
    return find_staleness(encoded, OneItem(KEYS | now), encoder, 1.0) is not None


@pytest.mark.parametrize(
    ("layout", "then", "now", "stale"),
    [
        (JSON, {"text": {"S": '{"a": 1}'}}, {"text": {"S": '{ "a":1, "b":2}'}}, False),
        (JSON, {"text": {"S": '{"a": 1}'}}, {"text": {"S": '{"a": 2}'}}, True),
        (JSON, {"text": {"S": '{"a": {"SS": [1, 2]}}'}}, {"text": {"S": '{"a": {"SS": [2, 1]}}'}}, True),
        (JSON, {"text": {"S": '{"a": 1}'}}, {"text": {"N": "1"}}, True),
        (FLAT, {"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}, "at": {"S": "2026"}}, False),
        (FLAT, {"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["x"]}}, True),
        (FLAT, {"a": {"L": [{"S": "x"}, {"S": "y"}]}}, {"a": {"L": [{"S": "y"}, {"S": "x"}]}}, True),
    ],
    ids=[
        "JSON spelled differently",
        "different value",
        "JSON list that looks like a set",
        "not JSON",
        "set in another order",
        "set with another member",
        "list in another order",
    ],
)
def test_find_staleness__compares_features_as_they_are_stored(
    layout: dict[str, Any], then: Json, now: Json, *, stale: bool
) -> None:
    """Only sets are equal in another order, since DynamoDB returns their members in any order."""
    assert is_stale(layout, then, now) is stale


@pytest.mark.parametrize(
    ("now", "stale"),
    [
        ({"a": {"S": "x"}, "b": {"S": "changed"}}, False),
        ({"a": {"S": "x"}}, False),
        ({"a": {"S": "changed"}}, True),
        ({"c": {"S": "x"}}, True),
    ],
    ids=["another feature changed", "another feature removed", "all changed or removed", "all removed"],
)
def test_find_staleness__sends_a_change_while_one_of_its_features_is_current(now: Json, *, stale: bool) -> None:
    """With mode `changed`, no other event names that feature."""
    assert is_stale(FLAT, {"a": {"S": "x"}, "b": {"S": "x"}}, now) is stale


NAMES = {"features": {"names": ["r"]}}
REMOVED = {
    "removed": to_removal_record(),
    "expired": to_expired_record(),
    "emptied": to_record(kind="MODIFY", item={}),
}
AGAIN = {
    "removed": "its item exists again",
    "expired": "its item exists again",
    "emptied": "its item has features again",
}


def find_staleness_of_removal(removed: str, layout: Json, now: Json | None) -> str | None:
    """Return why a removal is stale if the current item is `now`."""
    record = copy.deepcopy(REMOVED[removed])
    record["dynamodb"] |= {"Keys": KEYS, "NewImage": KEYS}
    layouts = to_layouts(LAYOUT | layout)
    encoded = encode(record, layouts=layouts, removals="events")
    table = OneItem(None if now is None else KEYS | now)
    return find_staleness(encoded, table, Encoder(layouts, "all", PREFIX, CODEC, "events"), 1.0)


@pytest.mark.parametrize("removed", REMOVED)
@pytest.mark.parametrize(
    ("layout", "now", "stale"),
    [
        (JSON, None, False),
        (JSON, {}, False),
        (JSON, {"text": {"NULL": True}}, False),
        (JSON, {"text": {"S": "{}"}}, False),
        (JSON, {"text": {"S": "not JSON"}}, False),
        (JSON, {"text": {"S": '{"a": 1}'}}, True),
        (FLAT, {"at": {"S": "2026"}}, False),
        (FLAT, {"a": {"NULL": True}}, True),
        (FLAT, {"a": {"B": b"\0"}}, True),
    ],
    ids=[
        "absent",
        "only keys",
        "NULL",
        "empty map",
        "unreadable",
        "features again",
        "only a time",
        "feature without a value",
        "binary feature",
    ],
)
def test_find_staleness__of_a_removal_depends_on_features(
    layout: Json, now: Json | None, removed: str, *, stale: bool
) -> None:
    """A removal is stale if the item has features now, whatever their values are."""
    assert find_staleness_of_removal(removed, layout, now) == (AGAIN[removed] if stale else None)


@pytest.mark.parametrize(("now", "stale"), [(None, False), ({}, True)], ids=["absent", "present"])
def test_find_staleness__counts_an_item_as_its_features(now: Json | None, *, stale: bool) -> None:
    """If the layout writes the features' names, an item has them as long as it exists."""
    assert find_staleness_of_removal("removed", NAMES, now) == (AGAIN["removed"] if stale else None)


@pytest.mark.parametrize(("owner", "stale"), [("m-1", True), ("m-2", False)])
def test_find_staleness__of_a_removal_is_about_its_entity(owner: str, *, stale: bool) -> None:
    """An item that belongs to another entity now does not make features of the former one available."""
    layout = {"keys": {"pk": "{resource_name}"}, "attributes": {"owner": "{entity_id}"}, "entity_type": "merchant"}
    layouts = to_layouts(layout | {"features": {"except": []}})
    record = to_removal_record()
    record["dynamodb"] |= {"Keys": KEYS, "OldImage": KEYS | {"owner": {"S": "m-1"}, "age": {"N": "1"}}}
    encoded = encode(record, layouts=layouts, removals="events")
    table = OneItem(KEYS | {"owner": {"S": owner}, "age": {"N": "2"}})
    found = find_staleness(encoded, table, Encoder(layouts, "all", PREFIX, CODEC, "events"), 1.0)
    assert (found is not None) is stale
