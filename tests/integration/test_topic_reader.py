"""The topic is read by ranges of offsets, and its events are decoded under the schemas that they were written with."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.codec import Codec
from feature_events.events.message import Message, to_prefix
from feature_events.events.schema import SCHEMA_FILES, SHIPPED_SCHEMA, read_shipped_schema
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import Settings, read_settings
from feature_events.topic.event import EventDecoder, Position, TopicEvent, make_schema_reader
from feature_events.topic.reader import RemovedError, TopicMessage, TopicReader
from feature_events.traces.item import Identity
from feature_events.traces.reading import read_events
from feature_events.traces.request import TraceRequest
from local.servers.stack import RunningStack
from tests.support.backfills import TABLE_ARN
from tests.support.pipelines import encode
from tests.support.records import to_record

LONG = 20.0


def to_settings(stack: RunningStack, topic: str, **environ: str) -> Settings:
    """Return the settings of a function on the local stack."""
    return read_settings(
        {"KAFKA_BROKER_URL": stack.kafka, "TOPIC_NAME": topic, "SCHEMA_REGISTRY": stack.registry, **environ}
    )


def publish(stack: RunningStack, topic: str, *messages: Message, partition: int = 0) -> None:
    """Write these messages to a partition."""
    producer = Producer({"bootstrap.servers": stack.kafka})
    for each in messages:
        producer.produce(
            topic, each.value, each.key, partition, timestamp=each.timestamp_ms, headers=list(each.headers)
        )
    assert producer.flush(LONG) == 0


def to_messages(number: int, schema_id: int = 1, text: str = SHIPPED_SCHEMA) -> list[Message]:
    """Return the messages of changes of one entity."""
    return [encode(to_record(each), prefix=to_prefix(schema_id), codec=Codec(text)).message for each in range(number)]


def read_all(reader: TopicReader) -> list[TopicMessage]:
    """Return every message in the topic."""
    ranges = {each: range(*offsets) for each, offsets in reader.find_offsets(Deadline(LONG)).items()}
    return list(reader.read(ranges, Deadline(LONG)))


def wait_for_marker(reader: TopicReader, end: int) -> None:
    """Wait until the partition has this end. A broker responds to a commit before it writes the marker."""
    while reader.find_offsets(Deadline(LONG))[0].end < end:
        time.sleep(0.05)


def test_read__yields_each_message_of_the_ranges(stack: RunningStack, topic: Callable[..., str]) -> None:
    """Every partition is read from its start to its end, with times, keys, values and headers."""
    name = topic(3)
    first, second, third = to_messages(3)
    publish(stack, name, first, second, partition=0)
    publish(stack, name, third, partition=2)
    with TopicReader(to_settings(stack, name), None, Deadline(LONG)) as reader:
        offsets = reader.find_offsets(Deadline(LONG))
        assert offsets == {0: (0, 2), 1: (0, 0), 2: (0, 1)}
        assert [(each.partition, each.offset) for each in sorted(read_all(reader))] == [(0, 0), (0, 1), (2, 0)]
        (found,) = reader.read({0: range(1, 2)}, Deadline(LONG))
        assert found == (0, 1, second.timestamp_ms, second.key, second.value, dict(second.headers))
        assert not list(reader.read({0: range(2, 2)}, Deadline(LONG)))


@pytest.mark.parametrize("end", ["committed", "aborted", "open"])
def test_read__reads_to_the_end_of_a_partition_with_transactions(
    stack: RunningStack, topic: Callable[..., str], end: str
) -> None:
    """Another producer's transaction ends with an offset without a message. An open one is not read."""
    name = topic()
    first, second, third = to_messages(3)
    publish(stack, name, first)
    producer = Producer({"bootstrap.servers": stack.kafka, "transactional.id": f"{name}-{end}"})
    producer.init_transactions(LONG)
    producer.begin_transaction()
    producer.produce(name, second.value, second.key, 0, timestamp=second.timestamp_ms, headers=list(second.headers))
    assert producer.flush(LONG) == 0
    if end == "committed":
        producer.commit_transaction(LONG)
    elif end == "aborted":
        producer.abort_transaction(LONG)
    publish(stack, name, *([third] if end == "open" else []))
    with TopicReader(to_settings(stack, name), None, Deadline(LONG)) as reader:
        expected = {"committed": [0, 1], "aborted": [0], "open": [0]}
        wait_for_marker(reader, 1 if end == "open" else 3)
        assert [each.offset for each in read_all(reader)] == expected[end]
    if end == "open":
        producer.abort_transaction(LONG)


def test_find_starts__finds_the_first_message_since_a_time(stack: RunningStack, topic: Callable[..., str]) -> None:
    """A partition without a later message starts at its end."""
    name = topic(2)
    first, second = (
        each._replace(timestamp_ms=time) for each, time in zip(to_messages(2), (1_000, 5_000), strict=True)
    )
    publish(stack, name, first, second)
    with TopicReader(to_settings(stack, name), None, Deadline(LONG)) as reader:
        offsets = reader.find_offsets(Deadline(LONG))
        assert reader.find_starts(1_001, offsets, Deadline(LONG)) == {0: 1, 1: 0}
        assert reader.find_starts(5_001, offsets, Deadline(LONG)) == {0: 2, 1: 0}


def test_read__reports_that_messages_were_removed(stack: RunningStack, topic: Callable[..., str]) -> None:
    """The reader must not skip to the oldest message unnoticed."""
    name = topic()
    publish(stack, name, *to_messages(3))
    admin = AdminClient({"bootstrap.servers": stack.kafka})
    [removed] = admin.delete_records([TopicPartition(name, 0, 2)]).values()
    removed.result(LONG)
    with TopicReader(to_settings(stack, name), None, Deadline(LONG)) as reader:
        with pytest.raises(RemovedError):
            list(reader.read({0: range(3)}, Deadline(LONG)))
        assert reader.find_offsets(Deadline(LONG)) == {0: (2, 3)}
        assert [each.offset for each in read_all(reader)] == [2]


def test_read_events__reads_after_removed_messages(stack: RunningStack, topic: Callable[..., str]) -> None:
    """The oldest offset is that of a transaction's marker. A trace finds the oldest message, and reads all of them."""
    name = topic()
    first, second, third = to_messages(3)
    producer = Producer({"bootstrap.servers": stack.kafka, "transactional.id": name})
    producer.init_transactions(LONG)
    producer.begin_transaction()
    producer.produce(name, first.value, first.key, 0, timestamp=first.timestamp_ms, headers=list(first.headers))
    producer.commit_transaction(LONG)
    identity = Identity("bright_uid", "user-1", "user_features", ())
    settings = to_settings(stack, name, SCHEMA_ID="1")
    decoder = EventDecoder(TABLE_ARN, make_schema_reader(settings))
    with TopicReader(settings, None, Deadline(LONG)) as reader:
        wait_for_marker(reader, 2)
        publish(stack, name, second, third)
        admin = AdminClient({"bootstrap.servers": stack.kafka})
        [removed] = admin.delete_records([TopicPartition(name, 0, 1)]).values()
        removed.result(LONG)
        request = TraceRequest("orders", {}, second.timestamp_ms)
        reading = read_events(identity, request, reader, decoder, Deadline(LONG))
    assert reading.ranges == {0: range(1, 4)}
    assert [each.position.offset for each in reading.events] == [2, 3]
    assert (reading.known_since_ms, reading.is_complete) == (second.timestamp_ms + 999, True)


def test_read__ends_at_the_deadline(stack: RunningStack, topic: Callable[..., str]) -> None:
    """A range that the topic does not contain yet is not waited for forever."""
    with (
        TopicReader(to_settings(stack, topic()), None, Deadline(LONG)) as reader,
        pytest.raises(Undelivered, match="was not read before the deadline"),
    ):
        list(reader.read({0: range(1)}, Deadline(1.0)))


def test_reader__names_a_missing_topic(stack: RunningStack) -> None:
    """The error is that of the function."""
    with pytest.raises(Misconfigured, match="topic no-topic-of-this-name: the topic does not exist"):
        TopicReader(to_settings(stack, "no-topic-of-this-name"), None, Deadline(LONG))


def test_decode__uses_the_schema_of_each_event(stack: RunningStack, topic: Callable[..., str]) -> None:
    """Events of both shipped schemas are in the topic. Those of other tables and types are skipped."""
    name = topic()
    texts = [read_shipped_schema(file) for file in SCHEMA_FILES]
    ids = [make_registry(to_settings(stack, name, SCHEMA_FILE=file)).ensure_registered().id for file in SCHEMA_FILES]
    messages = [to_messages(1, int(str(each)), text)[0] for each, text in zip(ids, texts, strict=True)]
    other = [(key, b"other" if key in {"ce_source", "ce_type"} else text) for key, text in messages[0].headers]
    publish(stack, name, *messages, messages[0]._replace(headers=other[:3]), messages[0]._replace(headers=[]))
    settings = to_settings(stack, name)
    decoder = EventDecoder(TABLE_ARN, make_schema_reader(settings))
    with TopicReader(settings, None, Deadline(LONG)) as reader:
        found = [decoder.decode(each) for each in read_all(reader)]
    expected = encode(to_record(0))
    sequence = int(str(expected.change.sequence_number))
    assert found == [
        TopicEvent(Position(expected.message.timestamp_ms, sequence, 0, offset), expected.event, is_backfilled=False)
        for offset in (0, 1)
    ] + [None, None]


def test_decode__names_a_schema_that_is_missing(stack: RunningStack, topic: Callable[..., str]) -> None:
    """Without it, the events would count as absent."""
    name = topic()
    publish(stack, name, *to_messages(1, 77_777))
    settings = to_settings(stack, name)
    with TopicReader(settings, None, Deadline(LONG)) as reader:
        (message,) = read_all(reader)
    with pytest.raises(Misconfigured, match="has no schema with id 77777"):
        EventDecoder(TABLE_ARN, make_schema_reader(settings)).decode(message)
    other, same = (
        read_settings({"KAFKA_BROKER_URL": stack.kafka, "TOPIC_NAME": name, "SCHEMA_ID": schema_id})
        for schema_id in ("5", "77777")
    )
    with pytest.raises(Misconfigured, match="without a registry they cannot be read"):
        EventDecoder(TABLE_ARN, make_schema_reader(other)).decode(message)
    assert EventDecoder(TABLE_ARN, make_schema_reader(same)).decode(message)
