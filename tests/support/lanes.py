"""What a mapping holds of a shard: records that wait, and the batches that have begun.

A batch that failed stays before what waits behind it: order within a lane is what the mapping promises.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

type Record = dict[str, Any]


class Entry(NamedTuple):
    """A record in a shard, with when the stream took it."""

    record: Record
    at: float

    @property
    def number(self) -> str:
        """Its sequence number."""
        return str(self.record["dynamodb"]["SequenceNumber"])

    @property
    def size(self) -> int:
        """In bytes, as JSON."""
        return len(json.dumps(self.record))


@dataclass
class Batch:
    """Records that the function is given together, and how often that has failed."""

    entries: list[Entry]
    failures: int = 0
    invocations: int = 0


@dataclass
class Lane:
    """A part of a shard whose batches come one after the other; one of ParallelizationFactor."""

    shard: str
    waiting: deque[Entry] = field(default_factory=deque)
    batches: deque[Batch] = field(default_factory=deque)

    @property
    def idle(self) -> bool:
        """Whether nothing waits in it."""
        return not self.batches and not self.waiting

    @property
    def pending(self) -> Iterator[Entry]:
        """What has come to no end, in order."""
        for batch in self.batches:
            yield from batch.entries
        yield from self.waiting


def cut(lane: Lane, oldest: float) -> Iterator[Batch]:
    """Takes what came before `oldest` out of a lane, batch by batch."""
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
