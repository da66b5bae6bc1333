"""Events become Avro under any schema that they can fill, and no other is taken."""

import json
import tracemalloc
from io import BytesIO
from typing import Any

import fastavro
import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from tests.support.avro import read_avro

EVENT = FeatureAvailabilityEvent(
    "id", "feature_available", "2025-10-10T12:34:56.789Z", "bright_uid", "u", "feature", "r", "", ("a", "b")
)
FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]


def to_schema(*fields: object) -> str:
    """A schema with these fields."""
    return json.dumps({"type": "record", "name": "E", "fields": list(fields)})


@pytest.mark.parametrize("count", [1, 2, 63, 64, 2000])
def test_encode__equals_the_whole_record_written_at_once(count: int) -> None:
    """Encoding the features apart changes no byte."""
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
def test_encode__fills_the_registrys_own_schema(schema: str) -> None:
    """A schema of other order, with defaults, unions or fewer fields is filled by name."""
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
def test_encode__fills_a_schema_that_uses_a_type_by_its_name(
    first: tuple[object, object], second: tuple[object, object], place: int
) -> None:
    """A type that one field defines, or the record itself, can be used by others, wherever they stand."""
    extra = [
        {"name": name, "type": kind, "default": default}
        for name, (kind, default) in zip("xy", (first, second), strict=True)
    ]
    schema = to_schema(*FIELDS[:place], extra[0], *FIELDS[place:], extra[1])
    assert Codec(schema).encode(EVENT) == read_avro(schema).write({**EVENT._asdict(), "features": list(EVENT.features)})


def test_encode__fills_a_union_that_uses_a_type_by_its_name() -> None:
    """Also in a field that is written by itself, since every event has another value there."""
    extra, union = {"name": "x", "type": COLOR, "default": "RED"}, {"name": "event_id", "type": ["Color", "string"]}
    schema = to_schema(extra, union, *FIELDS[1:])
    assert Codec(schema).encode(EVENT) == read_avro(schema).write({**EVENT._asdict(), "features": list(EVENT.features)})


def test_codec__names_the_fields_that_it_cannot_fill() -> None:
    """A schema that asks for more than an event has is refused at the start, with every such field."""
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
def test_codec__refuses_what_is_no_record_schema(text: str) -> None:
    """Anything else than an Avro record is a misconfiguration."""
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
    """What would fail at every event is said at the start, with the field's name."""
    with pytest.raises(Misconfigured, match=r"default.* extra"):
        Codec(to_schema(*FIELDS, {"name": "extra", "type": kind, "default": default}))


def test_encode__gives_the_same_bytes_however_the_schema_is_written() -> None:
    """A registry gives the shipped schema back without its blanks."""
    text = json.dumps(json.loads(SHIPPED_SCHEMA), separators=(",", ":"))
    assert Codec(text).encode(EVENT) == Codec(SHIPPED_SCHEMA).encode(EVENT)


def test_encode__leaves_every_byte_to_fastavro(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a writer that writes as many W as fastavro would bytes, events are nothing but W."""
    events = [EVENT, EVENT._replace(event_id="other", entity_id="v"), EVENT._replace(features=("a", "b", "c")), EVENT]
    codec = Codec(SHIPPED_SCHEMA)
    expected = [b"W" * len(codec.encode(event)) for event in events]

    def write(file: BytesIO, schema: Any, value: Any) -> None:  # noqa: ANN401 -- fastavro's own
        own = BytesIO()
        fastavro.schemaless_writer(own, schema, value)
        file.write(b"W" * len(own.getvalue()))

    monkeypatch.setattr("feature_events.events.codec.schemaless_writer", write)
    codec = Codec(SHIPPED_SCHEMA)
    assert [codec.encode(event) for event in events] == expected


def test_encode__refuses_text_that_is_not_unicode() -> None:
    """A lone surrogate, which JSON can carry, is poison and not a crash."""
    for event in (EVENT._replace(entity_id="\ud800"), EVENT._replace(features=("\udfff",))):
        with pytest.raises(PoisonRecord, match="Unicode"):
            Codec(SHIPPED_SCHEMA).encode(event)


@pytest.mark.parametrize("event", [EVENT._replace(entity_id="\ud800"), EVENT._replace(entity_type="\ud800")])
def test_encode__refuses_such_text_also_where_the_schema_has_not_its_field(event: FeatureAvailabilityEvent) -> None:
    """The message's key and headers have it."""
    with pytest.raises(PoisonRecord, match="Unicode"):
        Codec(to_schema({"name": "event_id", "type": "string"})).encode(event)


def test_encode__keeps_a_bounded_number_of_bytes() -> None:
    """Of events that share nothing no more is kept than two million bytes, however many there are."""
    codec = Codec(SHIPPED_SCHEMA)
    tracemalloc.start()
    try:
        for number in range(150):
            codec.encode(EVENT._replace(features=tuple(f"{number:03}_{name:04}".ljust(60, "x") for name in range(500))))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000


def test_encode__keeps_what_events_share_apart_from_what_they_seldom_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of 200 features are written once, though other ones change each time, wherever the fields stand."""
    fields = {field["name"]: field for field in json.loads(read_shipped_schema("feature_trigger_v2.avsc"))["fields"]}
    lists = [fields.pop(name) for name in ("changed_features", "features", "removed_features", "stream_time")]
    for order in ([*lists, *fields.values()], [*fields.values(), *lists[::-1]]):
        written: list[Any] = []

        def write(file: BytesIO, schema: Any, value: Any, written: list[Any] = written) -> None:  # noqa: ANN401 -- fastavro's own
            written.append(value)
            fastavro.schemaless_writer(file, schema, value)

        monkeypatch.setattr("feature_events.events.codec.schemaless_writer", write)
        codec, event = Codec(to_schema(*order)), EVENT._replace(features=tuple(f"f{number}" for number in range(200)))
        for number in range(20):
            one = (f"f{number}",)
            codec.encode(event + EventDetails("MODIFY", "t", str(number), number, one, (f"g{number}",), backfill=False))
        assert len([each for each in written if type(each) is dict and "features" in each]) == 1


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
def test_encode__writes_the_default_of_what_is_not_known(name: str, kind: object, default: object) -> None:
    """Of a backfilled event, of which the least is known; null where the type has that."""
    field = {"name": name, "type": kind, "default": default} if default else {"name": name, "type": kind}
    schema = to_schema(*FIELDS[:4], field, *FIELDS[4:])
    details = EventDetails(None, "t", None, None, None, None, backfill=True)
    assert read_avro(schema).read(Codec(schema).encode(EVENT + details))[name] == default
