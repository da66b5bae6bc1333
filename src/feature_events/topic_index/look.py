"""Plan a look at the topic: the ranges of offsets to read.

The first look reads the topic up to the end offsets at the start of a run. Each later look continues where the one
before stopped, once the live events of everything that was read until then can be in the topic.
"""

from collections.abc import Mapping
from typing import NamedTuple

from feature_events.topic.reader import Offsets

SETTLE_SECONDS = 20.0
"""The time in which the live function delivers an event: its delivery timeout, which includes Kafka's retries."""

_EVENTS_PER_BUCKET = 500_000
_MOST_BUCKETS = 500


class Look(NamedTuple):
    """A look at the topic."""

    number: int
    started_ms: int
    """When the end offsets were requested, in milliseconds since the epoch."""
    since_ms: int
    """The time since which the topic is read, or 0."""
    buckets: int
    """The number of parts of the index."""
    ranges: Mapping[int, tuple[int, int]]
    """The offsets to read, by partition."""
    oldest: Mapping[int, int]
    """The oldest offsets at the start, by partition."""
    live_from: Mapping[int, int]
    """The offsets that were next when the items before this look had been read, by partition."""
    read_ms: int = 0
    """When the items before this look had been read, or 0."""

    @property
    def partitions(self) -> list[int]:
        """The partitions to read."""
        return sorted(self.ranges)


def plan_first_look(offsets: Mapping[int, Offsets], starts: Mapping[int, int], since_ms: int, started_ms: int) -> Look:
    """Plan the first look.

    Args:
        offsets: the offsets of each partition.
        starts: the offsets to start at, by partition.
        since_ms: the time since which the topic is read, or 0.
        started_ms: the current time.

    """
    ranges = {partition: (starts[partition], each.end) for partition, each in offsets.items()}
    events = sum(stop - start for start, stop in ranges.values())
    buckets = min(max(1, -(-events // _EVENTS_PER_BUCKET)), _MOST_BUCKETS)
    oldest = {partition: each.oldest for partition, each in offsets.items()}
    return Look(0, started_ms, since_ms, buckets, ranges, oldest, {})


def plan_next_look(former: Look, live_from: Mapping[int, int], read_ms: int, offsets: Mapping[int, Offsets]) -> Look:
    """Plan the look after another one.

    Args:
        former: the look before.
        live_from: the end offsets when all items of the former look had been read.
        read_ms: when they had been read.
        offsets: the current offsets of each partition. Partitions may have been added.

    """
    starts = {partition: stop for partition, (_, stop) in former.ranges.items()}
    ranges = {partition: (starts.get(partition, each.oldest), each.end) for partition, each in offsets.items()}
    oldest = {partition: each.oldest for partition, each in offsets.items()}
    return Look(
        former.number + 1, former.started_ms, former.since_ms, former.buckets, ranges, oldest, live_from, read_ms
    )
