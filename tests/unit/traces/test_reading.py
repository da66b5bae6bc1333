"""Test which messages are read, and which event is current."""

from collections.abc import Iterator, Mapping
from typing import override

import pytest
from confluent_kafka import Producer, murmur2

from feature_events.deadline import Deadline
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.topic.event import EventDecoder
from feature_events.topic.reader import Offsets, TopicMessage, TopicReader
from feature_events.traces.item import Identity
from feature_events.traces.reading import Reading, read_events
from feature_events.traces.request import TraceRequest
from tests.support.backfills import TABLE_ARN
from tests.support.doubles import FakeClock
from tests.support.pipelines import encode
from tests.support.records import CREATED, to_record

IDENTITY = Identity("bright_uid", "user-1", "user_features", ())
PARTITIONS = 3
OWN = murmur2(b"user-1", PARTITIONS)
OTHER = (OWN + 1) % PARTITIONS
SINCE_MS = CREATED * 1000


class FakeReader(TopicReader):
    """A reader of messages in memory.

    Args:
        messages: the messages of each partition.
        oldest: the number of offsets before the first message, which were removed.

    """

    def __init__(self, messages: Mapping[int, list[TopicMessage]], oldest: int = 0) -> None:
        self._messages = messages
        self._oldest = oldest
        self.requested: list[Mapping[int, range]] = []

    @override
    def find_offsets(self, deadline: Deadline) -> Mapping[int, Offsets]:
        lengths = {partition: len(self._messages.get(partition, [])) for partition in range(PARTITIONS)}
        return {partition: Offsets(self._oldest, self._oldest + length) for partition, length in lengths.items()}

    @override
    def find_starts(self, since_ms: int, offsets: Mapping[int, Offsets], deadline: Deadline) -> Mapping[int, int]:
        found = {
            partition: [each.offset for each in self._messages.get(partition, []) if each.timestamp_ms >= since_ms]
            for partition in offsets
        }
        return {partition: (found[partition] or [each.end])[0] for partition, each in offsets.items()}

    @override
    def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
        self.requested.append(ranges)
        for partition, offsets in ranges.items():
            yield from [each for each in self._messages.get(partition, []) if each.offset in offsets]


def to_message(offset: int, number: int, entity: str = "user-1", partition: int = OWN) -> TopicMessage:
    """Return the message of the write with this number."""
    message = encode(to_record(number, entity=entity)).message
    headers = dict(message.headers)
    return TopicMessage(partition, offset, message.timestamp_ms, message.key, message.value, headers)


def read(
    reader: TopicReader, since_ms: int = SINCE_MS, deadline: Deadline | None = None, *, every: bool = False
) -> Reading:
    """Read the events of the item."""
    request = TraceRequest("user_feature_store", {}, since_ms, all_partitions=every)
    decoder = EventDecoder(TABLE_ARN, lambda _: SHIPPED_SCHEMA)
    return read_events(IDENTITY, request, reader, decoder, deadline or Deadline(10))


def test_read_events__finds_the_events_of_the_item() -> None:
    """Events of other entities and other resources are not about the item."""
    other_resource = to_record(3)
    other_resource["dynamodb"]["Keys"]["category"] = {"S": "other"}
    resource = encode(other_resource).message
    messages = [
        to_message(0, 0),
        to_message(1, 1, "user-2"),
        to_message(2, 2),
        TopicMessage(OWN, 3, resource.timestamp_ms, resource.key, resource.value, dict(resource.headers)),
    ]
    reading = read(FakeReader({OWN: messages}))
    assert [each.position.offset for each in reading.events] == [0, 2]
    assert (reading.ranges, reading.reached, reading.partitions) == ({OWN: range(4)}, {OWN: 4}, PARTITIONS)
    assert reading.is_complete


def test_read_events__reads_the_entitys_partition_or_all() -> None:
    """Events from before partitions were added can be in any partition."""
    reader = FakeReader({OWN: [to_message(0, 0)], OTHER: [to_message(0, 1, partition=OTHER)]})
    assert [each.position.partition for each in read(reader).events] == [OWN]
    reading = read(reader, every=True)
    assert [each.position.partition for each in reading.events] == sorted([OWN, OTHER])
    current = reading.find_current(SINCE_MS)
    assert current is not None
    assert current.position.partition == OTHER


def test_read_events__starts_at_the_requested_time() -> None:
    """Earlier messages are not read."""
    reader = FakeReader({OWN: [to_message(number, number) for number in range(5)]})
    assert read(reader, SINCE_MS + 3_000).ranges == {OWN: range(3, 5)}


def test_read_events__stops_at_the_deadline() -> None:
    """The reading says how far it came."""
    clock = FakeClock(0.0)
    deadline = Deadline(5, clock)

    class SlowReader(FakeReader):
        @override
        def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
            for message in super().read(ranges, deadline):
                clock.seconds += 2.0
                yield message

    reading = read(SlowReader({OWN: [to_message(number, number) for number in range(5)]}), deadline=deadline)
    assert not reading.is_complete
    assert (reading.ranges, reading.reached) == ({OWN: range(5)}, {OWN: 2})


@pytest.mark.parametrize(
    ("oldest", "messages", "known_since_ms"),
    [(0, 2, SINCE_MS), (0, 0, SINCE_MS), (7, 2, SINCE_MS + 999), (7, 0, None)],
    ids=["nothing removed", "empty topic", "messages removed", "all messages removed"],
)
def test_known_since__is_the_oldest_message_if_messages_were_removed(
    oldest: int, messages: int, known_since_ms: int | None
) -> None:
    """An event that is older, or of the same second, may have been removed. `since` is rounded up to a second."""
    own = [to_message(oldest + number, number) for number in range(messages)]
    assert read(FakeReader({OWN: own}, oldest), SINCE_MS - 1).known_since_ms == known_since_ms


def test_known_since__skips_offsets_without_a_message() -> None:
    """The oldest offset can be that of a transaction marker, or of a message that was compacted."""
    reader = FakeReader({OWN: [to_message(8, 1), to_message(9, 2)]}, 7)
    assert read(reader).known_since_ms == SINCE_MS + 1_999


def test_find_current__applies_the_state_rule() -> None:
    """A redriven event is read later and is not newer. One from before the requested time is never current."""
    reading = read(FakeReader({OWN: [to_message(0, 4), to_message(1, 5), to_message(2, 3)]}))
    current = reading.find_current(SINCE_MS)
    assert current is not None
    assert current.position.offset == 1
    assert reading.find_current(SINCE_MS + 6_000) is None


def test_murmur2__is_the_partition_of_the_producer() -> None:
    """A producer with the function's partitioner chooses the same partitions."""
    partitions: dict[bytes, int] = {}
    producer = Producer({"test.mock.num.brokers": 1, "partitioner": "murmur2_random", "log_level": 0})

    def note(_: object, message: object) -> None:
        partitions[message.key()] = message.partition()  # type: ignore[attr-defined]  # a Message

    keys = [f"user-{number}-\N{LATIN SMALL LETTER E WITH ACUTE}".encode() for number in range(50)]
    for key in keys:
        producer.produce("events", b"", key, on_delivery=note)
    assert producer.flush(20) == 0
    assert partitions == {key: murmur2(key, 4) for key in keys}  # the embedded broker's topics have 4 partitions
