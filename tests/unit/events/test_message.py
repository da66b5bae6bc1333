"""An event becomes a message that any Kafka consumer can route, filter and place in time."""

import pytest

from feature_events.errors import PoisonRecord
from feature_events.events.message import Message
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.messages import to_size
from tests.support.pipelines import PREFIX, to_pipeline
from tests.support.records import CREATED, Json, to_item, to_record


def message_of(record: Json) -> Message:
    """The message of a record that has an event."""
    prepared = to_pipeline(FakePublisher(), FakeDeadLetters()).prepare([record], range(1))
    if prepared.poison:
        raise prepared.poison[0]
    return prepared.messages[0]


def test_to_message__is_keyed_by_the_entity() -> None:
    """The key is the entity's id in UTF-8."""
    assert message_of(to_record(entity="användare 🦊")).key == "användare 🦊".encode()


def test_prepare__puts_the_wire_format_prefix_before_the_avro() -> None:
    """The value is the prefix, by which a consumer finds the schema, and then nothing but Avro."""
    value = message_of(to_record()).value
    assert value.startswith(PREFIX)
    assert read_avro(SHIPPED_SCHEMA).read(value[len(PREFIX) :])["entity_id"] == "user-1"


def test_to_message__carries_cloudevents_attributes() -> None:
    """The headers are the CloudEvents Kafka binding's, with the place in the stream as `sequence`."""
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
def test_to_message__knows_its_size(entity: str) -> None:
    """The size, which waves are measured by, is that of the parts."""
    message = message_of(to_record(entity=entity))
    assert message.size == to_size(message.key, message.value, message.headers)


def test_to_message__is_dated_by_the_stream() -> None:
    """Kafka's time is the change's, never the sender's clock, so that a second delivery has the same."""
    assert message_of(to_record(3)).timestamp_ms == (CREATED + 3) * 1000


@pytest.mark.parametrize(("updated_at", "expected"), [("1970-01-01T00:00:01Z", 1000), ("2025-10-10", 1760054400000)])
def test_to_message__is_dated_by_the_item_without_the_stream(updated_at: str, expected: int) -> None:
    """Where the stream gives no time, the item's own counts."""
    record = to_record(item=to_item(updated_at=updated_at))
    del record["dynamodb"]["ApproximateCreationDateTime"]
    assert message_of(record).timestamp_ms == expected


def test_to_message__refuses_a_time_that_kafka_cannot_hold() -> None:
    """Kafka takes no time before 1970, and the client would put the clock's in its place."""
    record = to_record(item=to_item(updated_at="1969-07-20T20:17:00Z"))
    del record["dynamodb"]["ApproximateCreationDateTime"]
    with pytest.raises(PoisonRecord, match="1970"):
        message_of(record)


def test_to_message__refuses_a_table_name_that_is_not_unicode() -> None:
    """A lone surrogate in the ARN is poison and not a crash."""
    with pytest.raises(PoisonRecord, match="eventSourceARN"):
        message_of({**to_record(), "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/\ud800/stream/1"})
