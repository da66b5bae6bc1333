"""An event is stale where its table no longer has what it tells of, in whichever form the table keeps it."""

from typing import Any

import pytest

from feature_events.encoder import Encoder
from feature_events.records.change import Change, Item
from feature_events.redrives.staleness import find_staleness
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode
from tests.support.records import Json, to_record

KEYS = {"pk": {"S": "u-1"}}
LAYOUT = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r"}
JSON = {"features": {"json": "text"}}
FLAT = {"features": {"except": []}, "updated_at": "at"}


class OneItem:
    """Tables that hold one item."""

    def __init__(self, item: Item) -> None:
        self._item = item

    def find_item(self, change: Change) -> Item | None:  # noqa: ARG002  # Tables'
        """See `Tables.find_item`."""
        return self._item


def is_stale(layout: dict[str, Any], then: Json, now: Json) -> bool:
    """Whether a change that left one item is stale where another is there, under `changed`."""
    record = to_record()
    record["dynamodb"] |= {"Keys": KEYS, "NewImage": KEYS | then}
    encoder = Encoder(to_layouts(LAYOUT | layout), "changed", PREFIX, CODEC)
    encoded = encode(record, layouts=encoder.layouts, features_mode="changed")
    return find_staleness(encoded, OneItem(KEYS | now), encoder) is not None


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
        "other spelling",
        "other value",
        "no set",
        "no JSON",
        "a set's order",
        "a member",
        "a list's order",
    ],
)
def test_find_staleness__compares_features_as_they_are_stored(
    layout: dict[str, Any], then: Json, now: Json, *, stale: bool
) -> None:
    """Only a set's members, which DynamoDB gives in any order, are the same in another one."""
    assert is_stale(layout, then, now) is stale
