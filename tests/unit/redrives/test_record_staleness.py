"""Test the comparison of a change with the current item."""

from typing import Any, override

import pytest

from feature_events.encoder import Encoder
from feature_events.records.change import Change, Item
from feature_events.redrives.staleness import find_staleness
from feature_events.tables.table import Tables
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode
from tests.support.records import Json, to_record

KEYS = {"pk": {"S": "u-1"}}
LAYOUT = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r"}
JSON = {"features": {"json": "text"}}
FLAT = {"features": {"except": []}, "updated_at": "at"}


class OneItem(Tables):
    """Tables with one item."""

    def __init__(self, item: Item) -> None:
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
