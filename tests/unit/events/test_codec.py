"""Events are encoded under any schema that they can fill; all others are refused."""

import json
import tracemalloc

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro

EVENT = FeatureAvailabilityEvent(
    "id", "feature_available", "2025-10-10T12:34:56.789Z", "bright_uid", "u", "feature", "r", "", ("a", "b")
)
FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]


def to_schema(*fields: object) -> str:
    """Return a schema with these fields."""
    return json.dumps({"type": "record", "name": "E", "fields": list(fields)})


@pytest.mark.parametrize("count", [1, 2, 63, 64, 2000])
def test_encode__equals_the_whole_record_written_by_fastavro(count: int) -> None:
    """Encoding each field on its own changes no byte."""
    event = EVENT._replace(features=tuple(f"feature {number} 🦊" for number in range(count)))
    assert Codec(SHIPPED_SCHEMA).encode(event) == read_avro(SHIPPED_SCHEMA).write(event._asdict())


@pytest.mark.parametrize(
    "schema",
    [
        to_schema(*reversed(FIELDS)),
        to_schema(*FIELDS, {"name": "tenant", "type": "string", "default": "none"}),
        to_schema(*FIELDS[:-1], {"name": "features", "type": ["null", {"type": "array", "items": ["null", "string"]}]}),
        to_schema({"name": "event_id", "type": "string"}),
        to_schema({"name": "event_id", "type": ["null", "string"], "default": None}, *FIELDS[1:]),
    ],
)
def test_encode__fills_a_registrys_schema_by_field_names(schema: str) -> None:
    """The schema may have another order, defaults, unions or fewer fields."""
    wanted = {**EVENT._asdict(), "features": list(EVENT.features), "tenant": "none"}
    names = [field["name"] for field in json.loads(schema)["fields"]]
    assert read_avro(schema).read(Codec(schema).encode(EVENT)) == {name: wanted[name] for name in names}


COLOR = {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]}
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "color", "type": COLOR, "default": "RED"}]}
NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"], "default": None}]}


@pytest.mark.parametrize("place", [0, 4, len(FIELDS)])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((COLOR, "RED"), ("Color", "GREEN")),
        ((["null", COLOR], None), (["null", "Color"], None)),
        ((INNER, {"color": "GREEN"}), ("Color", "GREEN")),
        ((["null", NODE], None), (["null", "Node"], None)),
        ((["null", "E"], None), ({"type": "array", "items": "E"}, [])),
    ],
)
def test_encode__fills_a_schema_with_named_types(
    first: tuple[object, object], second: tuple[object, object], place: int
) -> None:
    """Any field can use a type that an earlier field defines, or the record itself."""
    extra = [
        {"name": name, "type": kind, "default": default}
        for name, (kind, default) in zip("xy", (first, second), strict=True)
    ]
    schema = to_schema(*FIELDS[:place], extra[0], *FIELDS[place:], extra[1])
    assert Codec(schema).encode(EVENT) == read_avro(schema).write({**EVENT._asdict(), "features": list(EVENT.features)})


def test_encode__fills_a_union_with_a_named_type() -> None:
    """The field is one whose values are unique, so they are not cached."""
    extra, union = {"name": "x", "type": COLOR, "default": "RED"}, {"name": "event_id", "type": ["Color", "string"]}
    schema = to_schema(extra, union, *FIELDS[1:])
    assert Codec(schema).encode(EVENT) == read_avro(schema).write({**EVENT._asdict(), "features": list(EVENT.features)})


def test_codec__names_the_fields_that_no_event_can_fill() -> None:
    """The schema is refused at the start, and the error names every such field."""
    schema = to_schema(*FIELDS[1:], {"name": "event_id", "type": "int"}, {"name": "tenant", "type": "string"})
    with pytest.raises(Misconfigured, match="event_id, tenant"):
        Codec(schema)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        "[]",
        '"string"',
        '{"type": "record"}',
        '{"type": "record", "name": "E", "fields": []}',
        '{"type": "record", "name": "E", "fields": [{"name": "a", "type": "nonsense"}]}',
        '{"type": "enum", "name": "E", "symbols": ["A"]}',
        "null",
        "[" * 60_000,
        '{"type": ' * 60_000,
        "9" * 5000,
        "\x00",
        '{"type": "record", "name": 7, "fields": [{"name": "event_id", "type": "string"}]}',
        '{"type": "record", "name": "E", "fields": [{"name": "event_id", "type": null}]}',
        '{"type": "record", "name": "E", "fields": [{"name": ["a"], "type": "string"}]}',
        '{"type": "record", "name": "E", "fields": {"event_id": "string"}}',
        '{"type": "record", "name": "E", "fields": 7}',
        to_schema(*FIELDS, {"name": "x", "type": {"type": "enum", "name": "X", "symbols": None}, "default": "A"}),
        to_schema({"name": "event_id", "type": {"type": "string", "logicalType": ["uuid"]}, "default": {"a": []}}),
    ],
    ids=lambda text: text[:90],
)
def test_codec__refuses_anything_but_a_record_schema(text: str) -> None:
    """Any other text is a misconfiguration."""
    with pytest.raises(Misconfigured, match="schema"):
        Codec(text)


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("bytes", "\u00ff"),
        ({"type": "fixed", "name": "F", "size": 1}, "a"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4}, "a"),
        (["bytes", "null"], "a"),
    ],
)
def test_codec__refuses_a_default_that_cannot_be_written(kind: object, default: str) -> None:
    """It would fail for every event, so the start fails and names the field."""
    with pytest.raises(Misconfigured, match=r"default.* extra"):
        Codec(to_schema(*FIELDS, {"name": "extra", "type": kind, "default": default}))


def test_encode__does_not_depend_on_the_spacing_of_the_schema() -> None:
    """A registry may return the shipped schema without spaces."""
    text = json.dumps(json.loads(SHIPPED_SCHEMA), separators=(",", ":"))
    assert Codec(text).encode(EVENT) == Codec(SHIPPED_SCHEMA).encode(EVENT)


def test_encode__refuses_text_that_is_not_unicode() -> None:
    """A lone surrogate, which JSON can contain, is poison; it does not crash the function."""
    for event in (EVENT._replace(entity_id="\ud800"), EVENT._replace(features=("\udfff",))):
        with pytest.raises(PoisonRecord, match="Unicode"):
            Codec(SHIPPED_SCHEMA).encode(event)


@pytest.mark.parametrize("event", [EVENT._replace(entity_id="\ud800"), EVENT._replace(entity_type="\ud800")])
def test_encode__refuses_such_text_even_if_the_schema_lacks_its_field(event: FeatureAvailabilityEvent) -> None:
    """The message's key and headers contain it."""
    with pytest.raises(PoisonRecord, match="Unicode"):
        Codec(to_schema({"name": "event_id", "type": "string"})).encode(event)


def test_encode__caches_a_bounded_number_of_bytes() -> None:
    """The cache of the features is limited to two million bytes, even if no two events share them."""
    codec = Codec(SHIPPED_SCHEMA)
    tracemalloc.start()
    try:
        for number in range(150):
            codec.encode(EVENT._replace(features=tuple(f"{number:03}_{name:04}".ljust(60, "x") for name in range(500))))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("change", "string", "UNKNOWN"),
        ("sequence_number", "string", "0"),
        ("stream_time", "string", "1970-01-01T00:00:00.000Z"),
        ("changed_features", {"type": "array", "items": "string"}, ["unknown"]),
        ("changed_features", [{"type": "array", "items": "string"}, "null"], None),
        ("sequence_number", ["string", "null"], None),
    ],
)
def test_encode__writes_the_default_of_an_unknown_detail(name: str, kind: object, default: object) -> None:
    """A backfilled event has the most unknown details. They are null if the type allows that."""
    field = {"name": name, "type": kind, "default": default} if default else {"name": name, "type": kind}
    schema = to_schema(*FIELDS[:4], field, *FIELDS[4:])
    details = EventDetails(None, "t", None, None, None, None, backfill=True)
    assert read_avro(schema).read(Codec(schema).encode(EVENT + details))[name] == default
