"""A message contains the key, headers, timestamp and wire format that consumers rely on."""

from uuid import UUID

import pytest

from feature_events.errors import PoisonRecord
from feature_events.events.message import Message, to_confluent_prefix, to_glue_prefix, to_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro
from tests.support.messages import to_size
from tests.support.pipelines import PREFIX, encode
from tests.support.records import CREATED, Json, to_item, to_record


def message_of(record: Json) -> Message:
    """Return the message that a record produces."""
    return encode(record).message


def test_to_message__has_the_entitys_id_as_its_key() -> None:
    """The key is in UTF-8."""
    assert message_of(to_record(entity="användare 🦊")).key == "användare 🦊".encode()


def test_encode__writes_the_wire_format_prefix_before_the_avro() -> None:
    """Consumers find the schema by the prefix; the rest of the value is Avro."""
    value = message_of(to_record()).value
    assert value.startswith(PREFIX)
    assert read_avro(SHIPPED_SCHEMA).read(value[len(PREFIX) :])["entity_id"] == "user-1"


def test_to_message__has_the_headers_of_cloudevents() -> None:
    """The headers follow the CloudEvents Kafka binding; `ce_sequence` is the position in the stream."""
    record = {**to_record(3), "eventID": "0123456789abcdef0123456789abcdef"}
    expected = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"01234567-89ab-cdef-0123-456789abcdef"),
        ("ce_source", b"arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"),
        ("ce_type", b"com.featurestore.events.feature_available"),
        ("ce_time", b"2025-10-10T12:34:56.789Z"),
        ("ce_subject", b"bright_uid/user-1"),
        ("ce_sequence", record["dynamodb"]["SequenceNumber"].encode()),
        ("content-type", b"application/avro"),
    ]
    assert message_of(record).headers == expected


@pytest.mark.parametrize("entity", ["user-1", "användare 🦊"])
def test_to_message__computes_its_size(entity: str) -> None:
    """The publisher divides batches by this size."""
    message = message_of(to_record(entity=entity))
    assert message.size == to_size(message.key, message.value, message.headers)


def test_to_message__has_the_streams_time() -> None:
    """A retry produces the same timestamp: it never comes from the function's clock."""
    assert message_of(to_record(3)).timestamp_ms == (CREATED + 3) * 1000


@pytest.mark.parametrize(("updated_at", "expected"), [("1970-01-01T00:00:01Z", 1000), ("2025-10-10", 1760054400000)])
def test_to_message__falls_back_to_the_items_time(updated_at: str, expected: int) -> None:
    """The item's own time is used if the record has none."""
    record = to_record(item=to_item(updated_at=updated_at))
    del record["dynamodb"]["ApproximateCreationDateTime"]
    assert message_of(record).timestamp_ms == expected


def test_to_message__refuses_a_time_before_1970() -> None:
    """Kafka cannot store it, and the client would replace it by the current time."""
    record = to_record(item=to_item(updated_at="1969-07-20T20:17:00Z"))
    del record["dynamodb"]["ApproximateCreationDateTime"]
    with pytest.raises(PoisonRecord, match="1970"):
        message_of(record)


def test_to_message__refuses_a_table_name_that_is_not_unicode() -> None:
    """A lone surrogate in the ARN is poison; it does not crash the function."""
    with pytest.raises(PoisonRecord, match="eventSourceARN"):
        message_of({**to_record(), "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/\ud800/stream/1"})


def test_to_confluent_prefix__contains_the_schemas_id() -> None:
    """The prefix is a zero byte and the id in four bytes, big-endian."""
    assert to_confluent_prefix(0x01020304) == bytes([0, 1, 2, 3, 4])


def test_to_glue_prefix__contains_the_schema_versions_uuid() -> None:
    """The prefix is a 3, a zero byte for no compression, and the UUID in 16 bytes."""
    version = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
    assert to_glue_prefix(version) == bytes([3, 0, *range(1, 17)])


def test_to_prefix__chooses_the_registry_by_the_type_of_the_id() -> None:
    """A number is from a registry with Confluent's interface, a UUID from Glue."""
    assert to_prefix(7) == to_confluent_prefix(7)
    assert to_prefix(UUID(int=7)) == to_glue_prefix(UUID(int=7))
