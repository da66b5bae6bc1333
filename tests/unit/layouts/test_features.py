"""Features are read in each form that a layout can have."""

from typing import Any

import pytest

from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from tests.support.layouts import to_layouts
from tests.support.records import to_record

type Json = dict[str, Any]

LAYOUT = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r"}
KEYS = {"pk": {"S": "u-1"}}
DEEP = "[" * 40_000 + "]" * 40_000


def read(layout: Json, item: Json, old: Json | None = None, mode: FeaturesMode = "all") -> EntityFeatures | Skipped:
    """Return what is read from an item by a layout with these members."""
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
    """Return the features that the event names, in mode `changed` if there is an old item."""
    entity = read(layout, item, old, "all" if old is None else "changed")
    assert isinstance(entity, EntityFeatures)
    return entity.features


FLAT = {"features": {"except": ["ttl"]}, "updated_at": "meta.at", "compute_id": "job"}
JSON = {"features": {"json": "data.text"}}
WILDCARDS = {"features": {"except": ["GSI{}", "__edb_{}__", "ttl"]}}
WITH_TIME = {"features": "features", "updated_at": "features._ts", "compute_id": ["features.job", "run"]}
FIXED_EXCEPT = {"features": {"names": ["{entity_id}"], "except": ["ttl", "GSI{}"]}, "updated_at": "at"}
FIXED = {"features": {"names": ["score of {entity_id}", "rank"]}, "updated_at": "at"}
FIXED_FOR = {
    "attributes": {"value": "{}", "unit": "in {}", "ttl": "{}", "at": "{}", "run": "{job}"},
    "features": {"names": ["rank"], "except": ["ttl"]},
    "updated_at": "at",
}
FIXED_ITEM = {name: {"S": "in cm"} for name in ("value", "unit", "ttl", "at", "run")}


def to_json(text: str) -> Json:
    """Return an item that stores this text."""
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
        (
            WILDCARDS,
            {name: {"N": "1"} for name in ("GSI1PK", "GSI", "__edb_e__", "__edb__", "a", "xGSI1PK", "ttl", "ttls")},
            ("GSI", "__edb__", "a", "xGSI1PK", "ttls"),
        ),
        (FLAT, {"aws:rep:deleting": {"BOOL": False}, "a": {"N": "1"}, "aws:rep": {"N": "1"}}, ("a", "aws:rep")),
        (WITH_TIME, {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "x"}, "job": {"S": "j"}}}}, ("age",)),
        (WITH_TIME, {"features": {"M": {"age": {"N": "3"}, "run": {"S": "x"}}}}, ("age", "run")),
        (JSON, to_json('{"b": 1, "a": null, "é": [1.5], "": {"x": 1}}'), ("b", "a", "é", "")),
        (JSON, to_json('{"big": ' + "9" * 5000 + "}"), ("big",)),
        (FIXED, {"value": {"N": "1"}}, ("score of u-1", "rank")),
        (FIXED, {}, ("score of u-1", "rank")),
        ({"features": {"names": ["{entity_id}", "u-1"]}}, {}, ("u-1",)),
    ],
)
def test_read_features__names_each_once(layout: Json, item: Json, expected: tuple[str, ...]) -> None:
    """Features are named in the item's order, or in the order of fixed names."""
    assert name(layout, item) == expected


@pytest.mark.parametrize(
    ("layout", "item"),
    [
        (FLAT, {"ttl": {"N": "1"}, "meta": {"M": {}}}),
        (WITH_TIME, {"features": {"M": {"_ts": {"S": "2025-10-10"}}}}),
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
        ({"data": {"M": {"text": {"N": "1"}}}}, "data.text is not a string"),
        ({"data": {"M": {"text": "{}"}}}, "data.text is not a string"),
        (to_json("[1]"), "data.text is not a JSON object"),
        (to_json("{"), "data.text is not a JSON object"),
        (to_json('{"a": ' + DEEP + "}"), "data.text is not a JSON object"),
    ],
)
def test_read_features__refuses_invalid_json(item: Json, reason: str) -> None:
    """Only the text of a JSON object is accepted; the reason does not quote the text."""
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
        (JSON, to_json('{"a": 1}'), to_json("not JSON"), ("a",)),
        (JSON, to_json('{"a": NaN, "b": 2}'), to_json('{"a": NaN, "b": 1}'), ("b",)),
        (
            JSON,
            to_json('{"a": {"SS": ["x", "y"]}, "SS": [1, 2]}'),
            to_json('{"a": {"SS": ["y", "x"]}, "SS": [2, 1]}'),
            ("a", "SS"),
        ),
        (FIXED, {"v": {"N": "2"}}, {"v": {"N": "1"}}, ("score of u-1", "rank")),
        (FIXED_EXCEPT, {"v": {"N": "2"}, "ttl": {"N": "2"}}, {"v": {"N": "1"}, "ttl": {"N": "2"}}, ("u-1",)),
        (FIXED, {"v": {"N": "2"}}, {}, ("score of u-1", "rank")),
        (FIXED_FOR, FIXED_ITEM | {"value": {"N": "2"}}, FIXED_ITEM, ("rank",)),
        (FIXED_FOR, FIXED_ITEM | {"unit": {"S": "in m"}}, FIXED_ITEM, ("rank",)),
    ],
)
def test_read_features__compares_stored_values(layout: Json, item: Json, old: Json, expected: tuple[str, ...]) -> None:
    """In mode `changed`, features with fixed names change if any attribute of the item changes.

    An attribute that a layout matches only with a wildcard is one of them.
    """
    assert name(layout, item, old) == expected


@pytest.mark.parametrize(
    ("layout", "item", "old"),
    [
        (FLAT, {"a": {"N": "1"}, "ttl": {"N": "2"}, "job": {"S": "2"}}, {"a": {"N": "1"}, "ttl": {"N": "1"}}),
        (JSON, to_json('{"b": 2.50, "a": [1]}'), to_json('{ "a":[1],"b":2.50, "c":0}')),
        (FIXED, {"v": {"N": "1"}, "at": {"S": "2026"}}, {"v": {"N": "1"}, "at": {"S": "2025"}}),
        (
            FLAT,
            {"a": {"N": "1"}, "aws:rep:updatetime": {"N": "2"}},
            {"a": {"N": "1"}, "aws:rep:updatetime": {"N": "1"}},
        ),
        (FIXED_EXCEPT, {"v": {"N": "1"}, "ttl": {"N": "2"}, "at": {"S": "2"}}, {"v": {"N": "1"}, "ttl": {"N": "1"}}),
        (FIXED_EXCEPT, {"v": {"N": "1"}, "GSI1PK": {"S": "2"}}, {"v": {"N": "1"}, "aws:rep:deleting": {"BOOL": False}}),
        (
            WITH_TIME,
            {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "2025-10-11"}}}},
            {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "2025-10-10"}, "job": {"S": "j"}}}},
        ),
        (FLAT, {"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}}),
        (FIXED, {"v": {"L": [{"NS": ["1", "2"]}]}}, {"v": {"L": [{"NS": ["2", "1"]}]}}),
        (FIXED_FOR, FIXED_ITEM | {"ttl": {"N": "2"}, "at": {"N": "2"}, "run": {"N": "2"}}, FIXED_ITEM),
        (
            {"attributes": {"kind": "{}"}, "features": {"except": []}},
            {"a": {"N": "1"}, "kind": {"S": "x"}},
            {"a": {"N": "1"}, "kind": {"S": "y"}},
        ),
    ],
)
def test_read_features__ignores_other_changes(layout: Json, item: Json, old: Json) -> None:
    """Time, compute id, the formatting of JSON and the order of a set are not features."""
    assert read(layout, item, old, "changed") is Skipped.UNCHANGED


@pytest.mark.parametrize(
    ("keys", "features", "expected"),
    [
        ({"{entity_type}": "{entity_id}", "category": "{resource_name}"}, "features.data", ("age",)),
        ({"bright_uid": "{entity_id}", "category": "{resource_name}"}, "features.data", ("M",)),
        ({"{entity_type}": "{entity_id}", "category": "{resource_name}"}, "other.data", ("M",)),
    ],
)
@pytest.mark.parametrize("table", ["{}", "user_{}"])
def test_read_features__undoes_a_second_serialization_only_in_this_projects_own_tables(
    table: str, keys: Json, features: str, expected: tuple[str, ...]
) -> None:
    """In another table, a feature can have the name `M`."""
    twice = {"M": {"data": {"M": {"M": {"M": {"age": {"M": {"N": {"S": "34"}}}}}}}}}
    record = to_record(item={"features": twice, "other": twice})
    change = read_change(record)
    assert isinstance(change, Change)
    layout = {"table": table, "keys": keys, "entity_type": "user", "features": features}
    found = read_entity_features(change, to_layouts(layout), "all")
    assert isinstance(found, EntityFeatures)
    assert found.features == expected
