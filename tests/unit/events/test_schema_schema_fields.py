"""A schema may ask for details by name; what no event can fill, or not every event, is refused with its name."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from feature_events.errors import Misconfigured
from feature_events.events import schema
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA, read_fields, read_shipped_schema
from tests.support.avro import read_avro

FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]
EVENT_ID = "123e4567-e89b-12d3-a456-426614174000"
EVENT = FeatureAvailabilityEvent(
    EVENT_ID, "feature_available", "2025-10-10T12:34:56.789Z", "bright_uid", "u", "feature", "r", "", ("a", "b")
)
NAMES = {"type": "array", "items": "string"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
ENUM = {"type": "enum", "name": "Change", "symbols": ["INSERT", "MODIFY"]}


def to_record_schema(*fields: object) -> str:
    """Return a schema with these fields."""
    return json.dumps({"type": "record", "name": "E", "fields": list(fields)})


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


UUID_TEXT = {"type": "string", "logicalType": "uuid"}
LOGICAL = [
    UUID_TEXT,
    {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"},
    {"type": "int", "logicalType": "date"},
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "time-micros"},
    *(
        {"type": "long", "logicalType": f"{local}timestamp-{unit}"}
        for local in ("", "local-")
        for unit in ("millis", "micros", "nanos")
    ),
    {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
    {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 4},
    {"type": "bytes", "logicalType": "big-decimal"},
    {"type": "fixed", "name": "L", "size": 12, "logicalType": "duration"},
]
"""Every logical type of the specification (https://avro.apache.org/docs/1.12.0/specification/#logical-types)."""


@pytest.mark.parametrize("kind", [UUID_TEXT, ["null", UUID_TEXT], [UUID_TEXT, "null"], ["null", UUID_TEXT, "string"]])
def test_encode__writes_the_event_id_as_a_uuid(kind: object) -> None:
    """Every event id is a UUID. fastavro writes any text as this type, but can read UUIDs alone (fastavro 838)."""
    schema = to_record_schema({"name": "event_id", "type": kind}, *FIELDS[1:])
    assert read_avro(schema).read(Codec(schema).encode(EVENT))["event_id"] == UUID(EVENT_ID)


@pytest.mark.parametrize("name", [field["name"] for field in FIELDS])
@pytest.mark.parametrize("kind", LOGICAL, ids=lambda kind: f"{kind['type']} {kind['logicalType']}")
def test_codec__refuses_a_logical_type_that_readers_could_not_read(kind: object, name: str) -> None:
    """No text but an event id is always one, also in a union and in a list; the message names the field."""
    forms = (kind, ["null", kind], [kind, "string"], {"type": "array", "items": kind})
    for form in forms if name != "event_id" or kind != UUID_TEXT else forms[3:]:
        others = [field for field in FIELDS if field["name"] != name]
        schema = to_record_schema(*others, {"name": name, "type": form})
        try:
            codec = Codec(schema)
        except Misconfigured as error:
            assert f"registry's schema: {name};" in str(error)  # noqa: PT017  # it may also be accepted
        else:  # fastavro chooses the text of the union
            assert form == [kind, "string"]
            assert read_avro(schema).read(codec.encode(EVENT)) == {**EVENT._asdict(), "features": list(EVENT.features)}


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (UUID_TEXT, ""),
        ([UUID_TEXT, "null"], "none"),
        ({"type": "array", "items": UUID_TEXT}, ["none"]),
        ({"type": "int", "logicalType": "time-millis"}, 86_400_000),
        ({"type": "int", "logicalType": "date"}, 2**31 - 1),
        ({"type": "long", "logicalType": "timestamp-micros"}, 2**63 - 1),
    ],
)
def test_codec__refuses_a_default_that_readers_cannot_read(kind: object, default: object) -> None:
    """It would be written into every event, and then no reader with fastavro can read any (fastavro 838)."""
    with pytest.raises(Misconfigured, match=r"default of field extra .* cannot be read"):
        Codec(to_record_schema(*FIELDS, {"name": "extra", "type": kind, "default": default}))


ENDLESS = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "N", "default": {}}]}


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("E", {}),
        (ENDLESS, {}),
        ({"type": "array", "items": ENDLESS}, [{}]),
        ({"type": "map", "values": ["null", ENDLESS]}, {"a": {}}),
        (["null", ENDLESS], None),
        ([ENDLESS, "null"], {}),
        ({"type": "array", "items": "int"}, [0] * 20_000),
    ],
)
def test_codec__refuses_a_default_that_has_no_end(kind: object, default: object) -> None:
    """It would be written until the process crashes; a recursive type with another default is written."""
    schema = to_record_schema(*FIELDS, {"name": "extra", "type": kind, "default": default})
    if default is None:
        assert Codec(schema).encode(EVENT)
    else:
        with pytest.raises(Misconfigured, match=r"default of field extra .* contains itself"):
            Codec(schema)


def test_codec__refuses_a_default_that_grows_exponentially() -> None:
    """Forty records, each with two of the next, are a trillion values."""
    kind: Any = {"type": "record", "name": "R40", "fields": []}
    for number in reversed(range(40)):
        first, second = (
            {"name": "a", "type": kind, "default": {}},
            {"name": "b", "type": f"R{number + 1}", "default": {}},
        )
        kind = {"type": "record", "name": f"R{number}", "fields": [first, second]}
    with pytest.raises(Misconfigured, match=r"default of field extra .* contains itself, or more than 10,000 values"):
        Codec(to_record_schema(*FIELDS, {"name": "extra", "type": kind, "default": {}}))


@pytest.mark.parametrize("file", ["feature_trigger.avsc", "feature_trigger_v2.avsc"])
def test_read_fields__parses_each_field_once(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tried with several values at each start, and to parse its schema takes longer than to try one."""
    parsed = Counter[str]()
    to_record = schema.to_record

    def count(fields: Sequence[schema.Field], named: schema.Named) -> object:
        parsed.update(field["name"] for field in fields)
        return to_record(fields, named)

    monkeypatch.setattr(schema, "to_record", count)
    fields = read_fields(read_shipped_schema(file)).fields
    assert parsed == {field["name"]: 1 for field in fields}
