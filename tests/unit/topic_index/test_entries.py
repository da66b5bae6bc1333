"""Test the entries of events: they sort by the state rule, and contain what is compared."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.topic.event import Position, TopicEvent
from feature_events.topic_index.entries import (
    ENTRY_BYTES,
    find_units,
    hash_content,
    hash_item,
    says_the_same,
    to_entries,
)
from local.paths import ROOT
from tests.support.backfills import KEY_NAMES, TABLE_ARN
from tests.support.layouts import to_layouts

EVENT = FeatureAvailabilityEvent(
    "id", "feature_available", "2025-10-10T12:34:56.789Z", "user", "7", "feature", "nightly", "job-1", ("age", "city")
)
CASES = json.loads((ROOT / "schemas" / "examples" / "state_rule.json").read_text())
FIXED = {
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}#{feature}"},
    "entity_type": "user",
    "features": {"names": ["{feature}"]},
}
MAPPED = {
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"},
    "entity_type": "user",
    "features": "features.data",
}
POSITIONS = st.builds(
    Position, st.integers(0, 2**60), st.integers(-1, 10**40 - 1), st.integers(0, 10_000), st.integers(0, 2**62)
)


def to_position(stored: Any) -> Position:  # noqa: ANN401  # a case's event
    """Return the position in a stored case."""
    sequence = stored["ce_sequence"]
    return Position(stored["timestamp_ms"], -1 if sequence is None else int(sequence), 0, stored["offset"])


def pack(position: Position) -> bytes:
    """Return the entry of an event at this position, without its item."""
    [(_, rest)] = to_entries(TopicEvent(position, EVENT, is_backfilled=False), "all", ["item"])
    return rest


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_to_entries__sorts_by_the_state_rule(case: Any) -> None:  # noqa: ANN401  # JSON
    """The published cases hold for the entries."""
    assert pack(to_position(case["current"])) > pack(to_position(case["other"]))


@given(POSITIONS, POSITIONS)
def test_to_entries__keeps_the_order_of_positions(one: Position, other: Position) -> None:
    """Bytes sort as the numbers do."""
    assert (pack(one) < pack(other)) == (one < other)


def test_to_entries__has_a_fixed_size() -> None:
    """The merge cuts objects into entries of this size."""
    found = list(to_entries(TopicEvent(Position(1, -1, 0, 0), EVENT, is_backfilled=True), "all", ["item", "feature"]))
    assert {len(item) + len(rest) for item, rest in found} == {ENTRY_BYTES}
    assert len({item for item, _ in found}) == 2


@pytest.mark.parametrize(
    ("parts", "mode", "with_time", "is_same"),
    [
        ({"event_id": "other"}, "all", True, True),
        ({"features": ("city", "age")}, "all", True, True),
        ({"features": ("city",)}, "all", False, False),
        ({"features": ("city",)}, "changed", True, True),
        ({"compute_id": "job-2"}, "all", False, False),
        ({"compute_id": "job-2"}, "changed", False, False),
        ({"event_type": "feature_unavailable"}, "all", False, False),
        ({"timestamp": "2025-10-10T12:34:56.790Z"}, "all", True, False),
        ({"timestamp": "2025-10-10T12:34:56.790Z"}, "all", False, True),
    ],
)
def test_says_the_same__compares_what_counts(parts: Any, mode: Any, with_time: bool, is_same: bool) -> None:  # noqa: ANN401, FBT001  # parameters
    """Ids never count, timestamps only if the item has one, and features only if events list all of them."""
    one, other = hash_content(EVENT, mode), hash_content(EVENT._replace(**parts), mode)
    assert says_the_same(one, other, with_time=with_time) == is_same


@pytest.mark.parametrize("name", ["entity_type", "entity_id", "resource_name"])
def test_hash_item__identifies_an_item(name: str) -> None:
    """Entity and resource identify an item, and features only if the layout writes their names."""
    changed: Any = {name: "other"}
    assert hash_item(EVENT._replace(**changed), "item") != hash_item(EVENT, "item")
    features = EVENT._replace(features=("city",))
    assert hash_item(features, "item") == hash_item(EVENT, "item")
    assert hash_item(features, "feature") != hash_item(EVENT, "feature")


def test_find_units__depends_on_the_layouts() -> None:
    """A table can have layouts with different units."""
    assert find_units(to_layouts(MAPPED), TABLE_ARN, KEY_NAMES) == ["item"]
    assert find_units(to_layouts(FIXED), TABLE_ARN, KEY_NAMES) == ["feature"]
    assert find_units(to_layouts(FIXED, MAPPED), TABLE_ARN, KEY_NAMES) == ["feature", "item"]
