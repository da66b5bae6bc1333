"""A schema may have fields for details. Fields that no event can fill, or not every event, are refused by name."""

import json
from typing import Any
from uuid import UUID

import pytest

from feature_events.errors import Misconfigured
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
    """Return a schema of the nine fields with this one in between."""
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
def test_read_fields__accepts_types_that_a_detail_can_fill(name: str, kind: object) -> None:
    """A detail that may be unknown needs a nullable type. No default is needed."""
    assert read_fields(to_schema(name, kind)).absent == {name: None}


@pytest.mark.parametrize(
    ("name", "kind", "is_refused"),
    [
        ("change", ENUM, True),
        ("change", {**ENUM, "symbols": ["INSERT", "MODIFY", "REMOVE"]}, False),
        ("removal", {**ENUM, "symbols": ["deleted", "expired", "emptied"]}, False),
        ("removal", {**ENUM, "symbols": ["deleted", "expired"]}, True),
        ("removal", "boolean", True),
    ],
)
def test_read_fields__requires_a_type_for_removals_only_if_they_are_announced(
    name: str,
    kind: object,
    is_refused: bool,  # noqa: FBT001  # a parameter
) -> None:
    """A schema that cannot express a removal is refused at the start, not at the first removal."""
    text = to_schema(name, ["null", kind])
    assert read_fields(text)
    if is_refused:
        with pytest.raises(Misconfigured, match=rf"{name} \(string, or an enum of .*(REMOVE|emptied)\)"):
            read_fields(text, with_removals=True)
    else:
        assert read_fields(text, with_removals=True)


@pytest.mark.parametrize(
    "name", ["change", "sequence_number", "stream_time", "changed_features", "removed_features", "removal"]
)
def test_read_fields__refuses_to_require_a_detail_that_may_be_unknown(name: str) -> None:
    """The start fails, not the first event without this detail."""
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
def test_read_fields__uses_the_default_of_an_unknown_detail(name: str, kind: object, default: object) -> None:
    """The default replaces the unknown value."""
    assert read_fields(to_schema(name, kind, default=default)).absent == {name: default}


def test_read_fields__prefers_null_to_a_default() -> None:
    """An unknown detail is null if the type allows that."""
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
def test_read_fields__refuses_a_type_that_a_detail_cannot_fill(name: str, kind: object, more: dict[str, Any]) -> None:
    """A default does not help: a consumer of a field with this name expects the detail."""
    with pytest.raises(Misconfigured, match=rf"types that do not accept the values of events: {name} \("):
        read_fields(to_schema(name, kind, **more))


def test_read_fields__returns_all_details_of_version_2() -> None:
    """They follow the nine fields of version 1."""
    first, second = (read_fields(read_shipped_schema(f"feature_trigger{version}.avsc")) for version in ("", "_v2"))
    assert [field["name"] for field in second.fields] == [*[field["name"] for field in FIELDS], *EventDetails._fields]
    assert [field["type"] for field in second.fields[: len(FIELDS)]] == [field["type"] for field in first.fields]


def test_read_fields__names_all_mistakes() -> None:
    """All of them can be fixed by one change to the registry's schema."""
    fields = [
        {"name": "change", "type": "int"},
        {"name": "owner", "type": "string"},
        {"name": "table", "type": "string"},
    ]
    with pytest.raises(
        Misconfigured, match=r"events: change \(string, .*\); .* schema: owner; .* not every .* schema: change;"
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
    """Every event id is a UUID. fastavro writes any text as this type, but reads only UUIDs (fastavro 838)."""
    schema = to_record_schema({"name": "event_id", "type": kind}, *FIELDS[1:])
    assert read_avro(schema).read(Codec(schema).encode(EVENT))["event_id"] == UUID(EVENT_ID)


@pytest.mark.parametrize("name", [field["name"] for field in FIELDS])
@pytest.mark.parametrize("kind", LOGICAL, ids=lambda kind: f"{kind['type']} {kind['logicalType']}")
def test_codec__refuses_a_logical_type_that_readers_cannot_read(kind: object, name: str) -> None:
    """Only an event id is always a valid UUID. Unions and lists make no difference."""
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
    """It would be in every event, and readers with fastavro could not read any (fastavro 838)."""
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
def test_codec__refuses_a_default_that_contains_itself(kind: object, default: object) -> None:
    """Writing it would crash the process. A recursive type with another default is accepted."""
    schema = to_record_schema(*FIELDS, {"name": "extra", "type": kind, "default": default})
    if default is None:
        assert Codec(schema).encode(EVENT)
    else:
        with pytest.raises(Misconfigured, match=r"default of field extra .* contains itself"):
            Codec(schema)


def test_codec__refuses_a_default_that_grows_exponentially() -> None:
    """Forty records, each with two of the next, contain a trillion values."""
    kind: Any = {"type": "record", "name": "R40", "fields": []}
    for number in reversed(range(40)):
        first, second = (
            {"name": "a", "type": kind, "default": {}},
            {"name": "b", "type": f"R{number + 1}", "default": {}},
        )
        kind = {"type": "record", "name": f"R{number}", "fields": [first, second]}
    with pytest.raises(Misconfigured, match=r"default of field extra .* contains itself, or more than 10,000 values"):
        Codec(to_record_schema(*FIELDS, {"name": "extra", "type": kind, "default": {}}))
