"""The records of a shard in an event source mapping: waiting records and started batches.

A failed batch stays before the waiting records, because the mapping preserves the order within a lane.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

type Record = dict[str, Any]


class Entry(NamedTuple):
    """A record in a shard with the time of its arrival."""

    record: Record
    at: float

    @property
    def number(self) -> str:
        """The sequence number."""
        return str(self.record["dynamodb"]["SequenceNumber"])

    @property
    def size(self) -> int:
        """The size in bytes, as JSON."""
        return len(json.dumps(self.record))


@dataclass
class Batch:
    """The records of one invocation, with the number of failures."""

    entries: list[Entry]
    failures: int = 0
    invocations: int = 0


@dataclass
class Lane:
    """A part of a shard whose batches are processed in sequence. A shard has ParallelizationFactor lanes."""

    shard: str
    waiting: deque[Entry] = field(default_factory=deque)
    batches: deque[Batch] = field(default_factory=deque)

    @property
    def idle(self) -> bool:
        """True if the lane has no records."""
        return not self.batches and not self.waiting

    @property
    def pending(self) -> Iterator[Entry]:
        """The unfinished records, in order."""
        for batch in self.batches:
            yield from batch.entries
        yield from self.waiting


def cut(lane: Lane, oldest: float) -> Iterator[Batch]:
    """Remove the records older than `oldest` from a lane, batch by batch."""
    while lane.batches and lane.batches[0].entries[0].at < oldest:
        batch = lane.batches.popleft()
        young = [entry for entry in batch.entries if entry.at >= oldest]
        if young:
            lane.batches.appendleft(Batch(young, batch.failures, batch.invocations))
        yield Batch(batch.entries[: len(batch.entries) - len(young)], batch.failures, batch.invocations)
    old = []
    while lane.waiting and lane.waiting[0].at < oldest:
        old.append(lane.waiting.popleft())
    if old:
        yield Batch(old)
