"""A schema may ask for details by name; what no event can fill, or not every event, is refused with its name."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from feature_events.errors import Misconfigured
from feature_events.events import schema_fields
from feature_events.events.details import EventDetails
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from feature_events.events.schema_fields import read_fields

FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]
NAMES = {"type": "array", "items": "string"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
ENUM = {"type": "enum", "name": "Change", "symbols": ["INSERT", "MODIFY"]}


def to_schema(name: str, kind: object, **more: object) -> str:
    """The nine fields, with one of these in between."""
    field = {"name": name, "type": kind, **more}
    return json.dumps({"type": "record", "name": "E", "fields": [*FIELDS[:4], field, *FIELDS[4:]]})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("table", "string"),
        ("table", ["null", "string"]),
        ("backfill", "boolean"),
        ("backfill", ["boolean", "null"]),
        ("change", ["null", "string"]),
        ("change", ["null", ENUM]),
        ("sequence_number", ["string", "null"]),
        ("stream_time", ["null", "string"]),
        ("stream_time", ["null", MILLIS]),
        ("stream_time", ["null", {"type": "long", "logicalType": "timestamp-micros"}]),
        ("changed_features", ["null", NAMES]),
        ("removed_features", ["null", {"type": "array", "items": ["null", "string"]}]),
    ],
)
def test_read_fields__takes_types_that_can_hold_what_is_asked_for(name: str, kind: object) -> None:
    """Plain where the value is always known, nullable where it is not, without a default in either case."""
    assert read_fields(to_schema(name, kind)).absent == {name: None}


@pytest.mark.parametrize("name", ["change", "sequence_number", "stream_time", "changed_features", "removed_features"])
def test_read_fields__refuses_what_is_not_always_known_as_needed(name: str) -> None:
    """An event without it could not be written: it is said at the start, not at the first of them."""
    kind: object = NAMES if name.endswith("features") else "string"
    with pytest.raises(Misconfigured, match=rf"not every event has .* schema: {name}; make them nullable or give them"):
        read_fields(to_schema(name, kind))


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("change", "string", "UNKNOWN"),
        ("change", {**ENUM, "symbols": ["UNKNOWN", "INSERT", "MODIFY"]}, "UNKNOWN"),
        ("sequence_number", "string", ""),
        ("stream_time", "string", "1970-01-01T00:00:00.000Z"),
        ("stream_time", MILLIS, 0),
        ("changed_features", NAMES, []),
        ("removed_features", NAMES, ["unknown"]),
    ],
)
def test_read_fields__knows_the_default_of_what_is_not_known(name: str, kind: object, default: object) -> None:
    """It is what the field holds then."""
    assert read_fields(to_schema(name, kind, default=default)).absent == {name: default}


def test_read_fields__prefers_null_to_a_default() -> None:
    """What is not known is null where that can be said."""
    assert read_fields(to_schema("change", ["string", "null"], default="UNKNOWN")).absent == {"change": None}


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("table", "int", {}),
        ("table", ["null", "int"], {"default": None}),
        ("change", {**ENUM, "symbols": ["INSERT", "UPDATE"]}, {"default": "INSERT"}),
        ("sequence_number", ["null", "long"], {"default": None}),
        ("stream_time", ["null", "long"], {"default": None}),
        ("stream_time", ["null", "double"], {"default": None}),
        ("table", {"type": "int", "logicalType": "date"}, {}),
        ("stream_time", ["null", {"type": "int", "logicalType": "date"}], {"default": None}),
        ("sequence_number", ["null", {"type": "int", "logicalType": "date"}], {"default": None}),
        ("changed_features", ["null", "string"], {"default": None}),
        ("removed_features", ["null", {"type": "array", "items": "int"}], {"default": None}),
        ("backfill", ["null", "string"], {"default": None}),
    ],
)
def test_read_fields__refuses_a_type_that_cannot_hold_it(name: str, kind: object, more: dict[str, Any]) -> None:
    """A default does not help: whoever asks for it by its name expects it."""
    with pytest.raises(Misconfigured, match=rf"types that cannot hold what an event has by these names: {name} \("):
        read_fields(to_schema(name, kind, **more))


def test_read_fields__of_version_2_has_all_details() -> None:
    """Behind the nine fields, which are as they were."""
    first, second = (read_fields(read_shipped_schema(f"feature_trigger{version}.avsc")) for version in ("", "_v2"))
    assert [field["name"] for field in second.fields] == [*[field["name"] for field in FIELDS], *EventDetails._fields]
    assert [field["type"] for field in second.fields[: len(FIELDS)]] == [field["type"] for field in first.fields]


def test_read_fields__names_all_that_is_wrong() -> None:
    """Whoever changes the registry's schema changes it once."""
    fields = [
        {"name": "change", "type": "int"},
        {"name": "owner", "type": "string"},
        {"name": "table", "type": "string"},
    ]
    with pytest.raises(
        Misconfigured, match=r"names: change \(string\); .* schema: owner; .* not every .* schema: change;"
    ):
        read_fields(json.dumps({"type": "record", "name": "Event", "fields": fields}))


@pytest.mark.parametrize("file", ["feature_trigger.avsc", "feature_trigger_v2.avsc"])
def test_read_fields__parses_each_field_once(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tried with several values at each start, and to parse its schema takes longer than to try one."""
    parsed = Counter[str]()
    to_record = schema_fields.to_record

    def count(fields: Sequence[schema_fields.Field], named: schema_fields.Named) -> object:
        parsed.update(field["name"] for field in fields)
        return to_record(fields, named)

    monkeypatch.setattr(schema_fields, "to_record", count)
    fields = read_fields(read_shipped_schema(file)).fields
    assert parsed == {field["name"]: 1 for field in fields}
