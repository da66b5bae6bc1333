"""Test decoding the topic's messages."""

import json
from io import BytesIO
from uuid import UUID

import pytest
from fastavro import parse_schema, schemaless_writer

from feature_events.errors import Misconfigured
from feature_events.events.message import to_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.settings.settings import read_settings
from feature_events.topic.event import EventDecoder, Position, make_schema_reader
from feature_events.topic.reader import TopicMessage
from tests.support.backfills import TABLE_ARN, to_scanned
from tests.support.pipelines import encode, encode_scanned
from tests.support.records import to_record, to_removal_record

GLUE_ID = UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")


def to_message(encoded: object, **parts: object) -> TopicMessage:
    """Return an encoded event as it is in the topic."""
    message = encoded.message  # type: ignore[attr-defined]  # an Encoded
    headers = dict(message.headers)
    return TopicMessage(3, 7, message.timestamp_ms, message.key, message.value, headers)._replace(**parts)  # type: ignore[arg-type]  # fields


def make_decoder(text: str = SHIPPED_SCHEMA) -> EventDecoder:
    """Return a decoder with this schema."""
    return EventDecoder(TABLE_ARN, lambda _: text)


@pytest.mark.parametrize("schema_id", [7, GLUE_ID], ids=["Confluent", "Glue"])
def test_decode__reads_both_wire_formats(schema_id: int | UUID) -> None:
    """The prefix contains the id of the schema that the event was written with."""
    encoded = encode(to_record(), prefix=to_prefix(schema_id))
    requested: list[object] = []

    def read_schema(wanted: object) -> str:
        requested.append(wanted)
        return SHIPPED_SCHEMA

    decoder = EventDecoder(TABLE_ARN, read_schema)
    found = [decoder.decode(to_message(encoded)) for _ in range(2)]
    assert requested == [schema_id]
    assert [each and each.event for each in found] == [encoded.event] * 2


def test_decode__reads_live_and_backfilled_events_and_removals() -> None:
    """A backfilled event has no sequence number."""
    live, removal = encode(to_record()), encode(to_removal_record(1), removals="events")
    backfilled = encode_scanned(to_scanned())
    found = [make_decoder().decode(to_message(each)) for each in (live, removal, backfilled)]
    sequences = [int(each.change.sequence_number or -1) for each in (live, removal, backfilled)]
    assert [each and each.position for each in found] == [
        Position(each.message.timestamp_ms, sequence, 3, 7)
        for each, sequence in zip((live, removal, backfilled), sequences, strict=True)
    ]
    assert [each and each.is_backfilled for each in found] == [False, False, True]
    assert [each and each.event.event_type for each in found][1] == "feature_unavailable"


@pytest.mark.parametrize("name", ["ce_source", "ce_type"])
@pytest.mark.parametrize("text", [b"other", None])
def test_decode__skips_other_messages(name: str, text: bytes | None) -> None:
    """Those of other tables, of unknown types and without headers are not decoded."""
    message = to_message(encode(to_record()), value=b"not an event")
    assert make_decoder().decode(message._replace(headers={**message.headers, name: text})) is None
    assert make_decoder().decode(message._replace(headers={})) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"{}", "partition 3, offset 7 is not an event in a known wire format"),
        (b"\0\0\0\0\7\xff", "offset 7 is not an event under schema id 7"),
    ],
)
def test_decode__names_the_place_of_an_unreadable_event(value: bytes, text: str) -> None:
    """The error contains no payload."""
    with pytest.raises(Misconfigured, match=text):
        make_decoder().decode(to_message(encode(to_record()), value=value))


@pytest.mark.parametrize("features", [None, 7], ids=["null", "number"])
def test_decode__names_the_place_of_an_event_with_other_types(features: object) -> None:
    """Another producer's schema can have the same fields with other types."""
    text = SHIPPED_SCHEMA.replace('{"type": "array", "items": "string"}', '["null", "int"]')
    schema = parse_schema(json.loads(text))
    assert text != SHIPPED_SCHEMA
    avro = BytesIO()
    schemaless_writer(avro, schema, {**encode(to_record()).event._asdict(), "features": features})
    with pytest.raises(Misconfigured, match="offset 7 is not an event under schema id 7"):
        make_decoder(text).decode(to_message(encode(to_record()), value=to_prefix(7) + avro.getvalue()))


@pytest.mark.parametrize("text", [b"", b"-1", b"7.5", b"\xb2", b"9" * 41, b"9" * 5_000])
def test_decode__ignores_a_sequence_number_that_no_stream_has(text: bytes) -> None:
    """It is the same as none."""
    message = to_message(encode(to_record()))
    found = make_decoder().decode(message._replace(headers={**message.headers, "ce_sequence": text}))
    assert found is not None
    assert found.position.sequence == -1


@pytest.mark.parametrize(
    ("environ", "schema_id", "text"),
    [
        ({"SCHEMA_REGISTRY": "glue", "SCHEMA_ID": str(GLUE_ID)}, 8, "AWS Glue has no schema with id 8"),
        (
            {"SCHEMA_REGISTRY": "http://localhost:8081"},
            GLUE_ID,
            f"http://localhost:8081 has no schema with id {GLUE_ID}",
        ),
        ({}, 8, "set SchemaRegistry"),
    ],
)
def test_schema_reader__refuses_the_ids_of_another_registry(
    environ: dict[str, str], schema_id: int | UUID, text: str
) -> None:
    """The deployment has changed its registry, but not its topic. No request could succeed."""
    settings = read_settings({"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7", **environ})
    with pytest.raises(Misconfigured, match=text):
        make_schema_reader(settings)(schema_id)


def test_decode__refuses_a_schema_without_the_fields() -> None:
    """Its events cannot be compared with items."""
    text = '{"type": "record", "name": "a", "fields": [{"name": "event_id", "type": "string"}]}'
    with pytest.raises(Misconfigured, match="schema id 7 lacks the fields compute_id, entity_id"):
        make_decoder(text).decode(to_message(encode(to_record())))
