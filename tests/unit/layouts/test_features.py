"""The features of an item are named in each of the forms that a layout can have."""

from typing import Any

import pytest

from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings.settings import FeaturesMode
from tests.support.layouts import to_layouts
from tests.support.records import to_record

type Json = dict[str, Any]

LAYOUT = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r"}
KEYS = {"pk": {"S": "u-1"}}
DEEP = "[" * 40_000 + "]" * 40_000


def read(layout: Json, item: Json, old: Json | None = None, mode: FeaturesMode = "all") -> EntityFeatures | Skipped:
    """What an item means under a layout of this."""
    record = to_record(kind="INSERT" if old is None else "MODIFY", item=item)
    body = record["dynamodb"]
    body["Keys"] = KEYS
    body["NewImage"] = KEYS | item
    if old is not None:
        body["OldImage"] = KEYS | old
    change = read_change(record)
    assert isinstance(change, Change)
    return read_entity_features(change, to_layouts(LAYOUT | layout), mode)


def name(layout: Json, item: Json, old: Json | None = None) -> tuple[str, ...]:
    """The features that are named; under `changed` where the item was another one before."""
    entity = read(layout, item, old, "all" if old is None else "changed")
    assert isinstance(entity, EntityFeatures)
    return entity.features


FLAT = {"features": {"except": ["ttl"]}, "updated_at": "meta.at", "compute_id": "job"}
JSON = {"features": {"json": "data.text"}}
WRITTEN = {"features": ["score of {entity_id}", "rank"], "updated_at": "at"}


def to_json(text: str) -> Json:
    """An item with this text."""
    return {"data": {"M": {"text": {"S": text}}}}


@pytest.mark.parametrize(
    ("layout", "item", "expected"),
    [
        ({"features": {"path": ["a.b", "c"]}}, {"a.b": {"M": {"c": {"M": {"x": {"N": "1"}}}}}}, ("x",)),
        (
            FLAT,
            {"z": {"N": "1"}, "a": {"NULL": True}, "ttl": {"N": "1"}, "meta": {"M": {}}, "job": {"S": "j"}},
            ("z", "a"),
        ),
        (JSON, to_json('{"b": 1, "a": null, "é": [1.5], "": {"x": 1}}'), ("b", "a", "é", "")),
        (JSON, to_json('{"big": ' + "9" * 5000 + "}"), ("big",)),
        (WRITTEN, {"value": {"N": "1"}}, ("score of u-1", "rank")),
        (WRITTEN, {}, ("score of u-1", "rank")),
        ({"features": ["{entity_id}", "u-1"]}, {}, ("u-1",)),
    ],
)
def test_read_features__names_them(layout: Json, item: Json, expected: tuple[str, ...]) -> None:
    """In the item's order, each once."""
    assert name(layout, item) == expected


@pytest.mark.parametrize(
    ("layout", "item"),
    [
        (FLAT, {"ttl": {"N": "1"}, "meta": {"M": {}}}),
        (JSON, {}),
        (JSON, {"data": {"NULL": True}}),
        (JSON, {"data": {"M": {"text": {"NULL": True}}}}),
        (JSON, to_json("{}")),
    ],
)
def test_read_features__finds_none(layout: Json, item: Json) -> None:
    """An item without features is skipped."""
    assert read(layout, item) is Skipped.NO_FEATURES


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"data": {"S": "x"}}, "data: data is not a map"),
        ({"data": {"M": {"text": {"N": "1"}}}}, "data.text is not text"),
        ({"data": {"M": {"text": "{}"}}}, "data.text is not text"),
        (to_json("[1]"), "data.text is not a JSON object"),
        (to_json("{"), "data.text is not a JSON object"),
        (to_json('{"a": ' + DEEP + "}"), "data.text is not a JSON object"),
    ],
)
def test_read_features__refuses_what_is_no_json(item: Json, reason: str) -> None:
    """Text that is no object is not guessed at, and the reason repeats nothing of it."""
    with pytest.raises(PoisonRecord, match=reason):
        read(JSON, item)


@pytest.mark.parametrize(
    ("layout", "item", "old", "expected"),
    [
        (FLAT, {"a": {"N": "1"}, "b": {"N": "2"}}, {"a": {"N": "1"}, "b": {"N": "1"}}, ("b",)),
        (FLAT, {"a": {"N": "1"}, "b": {"NULL": True}}, {"a": {"N": "1"}}, ("b",)),
        (JSON, to_json('{"a": 1, "b": 1.0, "c": "1"}'), to_json('{"a": 1, "b": 1, "c": 1}'), ("b", "c")),
        (JSON, to_json('{"a": 0.10, "b": 1e2}'), to_json('{"a": 0.1, "b": 1e2}'), ("a",)),
        (JSON, to_json('{"a": null}'), to_json("{}"), ("a",)),
        (JSON, to_json('{"a": 1}'), to_json("no JSON"), ("a",)),
        (JSON, to_json('{"a": NaN, "b": 2}'), to_json('{"a": NaN, "b": 1}'), ("b",)),
        (
            JSON,
            to_json('{"a": {"SS": ["x", "y"]}, "SS": [1, 2]}'),
            to_json('{"a": {"SS": ["y", "x"]}, "SS": [2, 1]}'),
            ("a", "SS"),
        ),
        (WRITTEN, {"v": {"N": "2"}}, {"v": {"N": "1"}}, ("score of u-1", "rank")),
        (WRITTEN, {"v": {"N": "2"}}, {}, ("score of u-1", "rank")),
    ],
)
def test_read_features__compares_values_as_they_are_stored(
    layout: Json, item: Json, old: Json, expected: tuple[str, ...]
) -> None:
    """Under `changed`, a written name is as new as anything else of its item."""
    assert name(layout, item, old) == expected


@pytest.mark.parametrize(
    ("layout", "item", "old"),
    [
        (FLAT, {"a": {"N": "1"}, "ttl": {"N": "2"}, "job": {"S": "2"}}, {"a": {"N": "1"}, "ttl": {"N": "1"}}),
        (JSON, to_json('{"b": 2.50, "a": [1]}'), to_json('{ "a":[1],"b":2.50, "c":0}')),
        (WRITTEN, {"v": {"N": "1"}, "at": {"S": "2026"}}, {"v": {"N": "1"}, "at": {"S": "2025"}}),
        (FLAT, {"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}}),
        (WRITTEN, {"v": {"L": [{"NS": ["1", "2"]}]}}, {"v": {"L": [{"NS": ["2", "1"]}]}}),
    ],
)
def test_read_features__sees_that_nothing_changed(layout: Json, item: Json, old: Json) -> None:
    """Another time, compute id, spelling of the same JSON, or order of a set changes no feature."""
    assert read(layout, item, old, "changed") is Skipped.UNCHANGED
