"""Read an item's events from the topic."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from confluent_kafka import murmur2

from feature_events.deadline import Deadline
from feature_events.topic.event import EventDecoder, TopicEvent, find_known_since
from feature_events.topic.reader import Offsets, TopicReader
from feature_events.traces.item import Identity
from feature_events.traces.request import TraceRequest


class Reading(NamedTuple):
    """The result of reading the topic."""

    events: Sequence[TopicEvent]
    """The item's events, by partition and offset."""
    ranges: Mapping[int, range]
    """The offsets to read, by partition."""
    reached: Mapping[int, int]
    """The offset after the last one that was read, by partition."""
    partitions: int
    """The number of partitions of the topic."""
    known_since_ms: int | None
    """The topic contains every event since this time; None if that is unknown."""

    @property
    def is_complete(self) -> bool:
        """True if everything was read."""
        return all(self.reached[partition] == offsets.stop for partition, offsets in self.ranges.items())

    def find_current(self, since_ms: int) -> TopicEvent | None:
        """Return the current event by the state rule, or None without an event since then.

        Events before `since_ms` do not count. Such an event was redriven late, and a newer one may be in the part that
        was not read.
        """
        found = [each for each in self.events if each.position.timestamp_ms >= since_ms]
        return max(found, key=lambda each: each.position, default=None)


def read_events(
    identity: Identity, request: TraceRequest, reader: TopicReader, decoder: EventDecoder, deadline: Deadline
) -> Reading:
    """Read an item's events from its entity's partition, or from all partitions if the request says so.

    Args:
        identity: the fields that all events about the item share.
        request: the request.
        reader: reads the topic.
        decoder: decodes the events of the item's table.
        deadline: when to stop reading.

    Raises:
        Misconfigured: a permission is missing, or an event cannot be decoded.
        Undelivered: Kafka or the registry did not respond.

    """
    key = identity.entity_id.encode()
    offsets = reader.find_offsets(deadline)
    partitions = len(offsets)
    if not request.all_partitions:
        own = murmur2(key, partitions)
        offsets = {own: offsets[own]}
    starts = reader.find_starts(request.since_ms, offsets, deadline)
    ranges = {partition: range(starts[partition], each.end) for partition, each in offsets.items()}
    shortened = _find_shortened(offsets, starts, reader, deadline)
    reached, events, first_ms = {partition: each.start for partition, each in ranges.items()}, [], dict[int, int]()
    for message in reader.read(ranges, deadline):
        if not deadline.remaining():
            break
        reached[message.partition] = message.offset + 1
        first_ms.setdefault(message.partition, message.timestamp_ms)
        found = decoder.decode(message) if message.key == key else None
        if found is not None and identity.matches(found.event):
            events.append(found)
    else:
        reached = {partition: each.stop for partition, each in ranges.items()}
    events.sort(key=lambda each: (each.position.partition, each.position.offset))
    return Reading(events, ranges, reached, partitions, _find_known_since(request.since_ms, shortened, first_ms))


def _find_shortened(
    offsets: Mapping[int, Offsets], starts: Mapping[int, int], reader: TopicReader, deadline: Deadline
) -> set[int]:
    """Return the partitions whose removed messages can be newer than `since`.

    The first message that is left in them is also the first one that is read.
    """
    firsts = reader.find_starts(0, offsets, deadline)  # the oldest offset can be without a message
    return {partition for partition, each in offsets.items() if each.oldest and starts[partition] <= firsts[partition]}


def _find_known_since(since_ms: int, shortened: set[int], first_ms: Mapping[int, int]) -> int | None:
    """Return the time since which the partitions have every event, or None if a shortened one has no message left."""
    if shortened <= first_ms.keys():
        return find_known_since(since_ms, [first_ms[partition] for partition in shortened])
    return None
