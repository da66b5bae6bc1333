"""Lambda's event source mapping for a DynamoDB stream, as AWS documents it, on a clock that is told the time.

What the function promises, it promises together with the mapping: the mapping decides what is retried, in which parts,
and what goes to the on-failure destination. A test drives it step by step, and so decides which part of a stream is
next.

Batches, retries, bisecting, record age, on-failure destination:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
Partial responses: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Any, NamedTuple
from zlib import crc32

from tests.support.doubles import FakeClock
from tests.support.lanes import Batch, Entry, Lane, Record, cut
from tests.support.on_failure import Discard, ObjectStore, to_document, to_key

type Function = Callable[[dict[str, Any]], Any]
"""The function as the mapping sees it: an event in, an answer out, or any exception."""

TRIM_SECONDS = 24 * 3600
MAX_BATCH_BYTES = 6_000_000
FOR_EVER = -1


class TimedOut(Exception):
    """The function did not answer before its timeout."""


@dataclass(frozen=True)
class MappingSettings:
    """The mapping's properties, by the names that they have in a template; the defaults are AWS's."""

    batch_size: int = 100
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = False
    maximum_retry_attempts: int = FOR_EVER
    maximum_record_age_in_seconds: int = FOR_EVER
    parallelization_factor: int = 1

    @classmethod
    def of_template(cls, properties: Mapping[str, Any]) -> "MappingSettings":
        """From the properties of a mapping in a template."""
        return cls(
            batch_size=int(properties["BatchSize"]),
            bisect_batch_on_function_error=properties["BisectBatchOnFunctionError"],
            report_batch_item_failures="ReportBatchItemFailures" in properties["FunctionResponseTypes"],
            maximum_retry_attempts=properties["MaximumRetryAttempts"],
            maximum_record_age_in_seconds=int(properties["MaximumRecordAgeInSeconds"]),
            parallelization_factor=int(properties.get("ParallelizationFactor", 1)),
        )


class Outcome(Enum):
    """What one step of the mapping came to."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    DISCARDED = "discarded"


class Invocation(NamedTuple):
    """One invocation and how the mapping took the answer."""

    records: Sequence[Record]
    answer: Any
    error: BaseException | None
    outcome: Outcome
    remaining: Sequence[Record]
    """What of the batch is retried."""


class EventSourceMapping:
    """The mapping of one stream to one function.

    A shard begins once its parent has come to its end. Within a shard, order holds for each item (all
    of its key); with a ParallelizationFactor of 1, for the whole shard.
    """

    def __init__(
        self, function: Function, settings: MappingSettings, clock: FakeClock, on_failure: ObjectStore
    ) -> None:
        self.function = function
        self._settings = settings
        self._clock = clock
        self._on_failure = on_failure
        self._numbers = count(1)
        self._lanes: dict[str, list[Lane]] = {}
        self._parents: dict[str, str | None] = {}
        self.trimmed: list[Record] = []
        """What the stream forgot before it was delivered or discarded: lost."""

    def add_shard(self, shard: str, parent: str | None = None) -> None:
        """Opens a shard, which begins where its parent ended."""
        self._parents[shard] = parent
        self._lanes[shard] = [Lane(shard) for _ in range(self._settings.parallelization_factor)]

    def put(self, shard: str, record: Record) -> None:
        """Writes a record to the end of a shard."""
        lanes = self._lanes[shard]
        item = json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)
        lanes[crc32(item.encode()) % len(lanes)].waiting.append(Entry(record, self._clock()))

    def pending(self) -> list[Record]:
        """What is still in the stream, lane by lane in order."""
        return [entry.record for lanes in self._lanes.values() for lane in lanes for entry in lane.pending]

    def lanes(self, shard: str) -> list[Lane]:
        """The lanes of a shard, which may be driven from a thread each."""
        return self._lanes[shard]

    def ready(self) -> list[Lane]:
        """The lanes that have something to do."""
        return [
            lane for shard, lanes in self._lanes.items() if self._may_begin(shard) for lane in lanes if not lane.idle
        ]

    def advance(self, seconds: float) -> None:
        """Lets time pass: the mapping discards what has grown too old, and the stream trims."""
        end = self._clock.seconds + seconds
        while self._clock.seconds < end:
            self._clock.seconds = min(end, self._clock.seconds + 600)
            for lanes in self._lanes.values():
                for lane in lanes:
                    self._expire(lane)
                    self._trim(lane)

    def step(self, lane: Lane) -> Invocation | None:
        """Gives the function one lane's next batch; None where all that it had was too old."""
        self._expire(lane)
        self._trim(lane)
        if lane.idle:
            return None
        if not lane.batches:
            lane.batches.append(self._take(lane.waiting))
        batch = lane.batches.popleft()
        batch.invocations += 1
        records = [entry.record for entry in batch.entries]
        answer, error = None, None
        try:
            answer = self.function({"Records": records})
        except Exception as exception:  # noqa: BLE001  # whatever the function raises, the mapping retries
            error = exception
        outcome = self._settle(lane, batch, answer, error)
        left = {id(entry.record) for waiting in lane.batches for entry in waiting.entries}
        return Invocation(records, answer, error, outcome, [record for record in records if id(record) in left])

    def _settle(self, lane: Lane, batch: Batch, answer: object, error: BaseException | None) -> Outcome:
        """Advances the lane as the answer says."""
        position: int | None = 0
        if error is None:
            position = self._read_checkpoint(answer, batch)
            if position is None:
                return Outcome.DONE
        if error is not None and self._settings.bisect_batch_on_function_error and len(batch.entries) > 1:
            # Does not count towards the retry quota
            middle = len(batch.entries) // 2
            halves = [batch.entries[:middle], batch.entries[middle:]]
            lane.batches.extendleft(Batch(half, batch.failures, batch.invocations) for half in reversed(halves))
            return Outcome.FAILED
        batch.failures += 1
        batch.entries = batch.entries[position:]
        if self._settings.maximum_retry_attempts != FOR_EVER and batch.failures > self._settings.maximum_retry_attempts:
            self._discard(lane.shard, batch, "RetryAttemptsExhausted", error)
            return Outcome.DISCARDED
        lane.batches.appendleft(batch)
        return Outcome.PARTIAL if position else Outcome.FAILED

    def _read_checkpoint(self, answer: object, batch: Batch) -> int | None:
        """Where in the batch the retry begins; None behind its end, 0 also where the answer names what is not in it."""
        if not self._settings.report_batch_item_failures or answer is None:
            return None
        if not isinstance(answer, Mapping):
            return 0
        failures = answer.get("batchItemFailures")
        if not failures:
            return None
        places = {entry.number: place for place, entry in enumerate(batch.entries)}
        found = [
            places.get(str(each.get("itemIdentifier"))) if isinstance(each, Mapping) else None for each in failures
        ]
        known = [place for place in found if place is not None]
        return 0 if len(known) < len(found) else min(known)

    def _take(self, waiting: deque[Entry]) -> Batch:
        """The next batch: as many records as it may have, within 6 MB."""
        entries = [waiting.popleft()]
        size = entries[0].size
        while waiting and len(entries) < self._settings.batch_size:
            size += waiting[0].size
            if size > MAX_BATCH_BYTES:
                break
            entries.append(waiting.popleft())
        return Batch(entries)

    def _expire(self, lane: Lane) -> None:
        """Discards what is older than MaximumRecordAge."""
        if self._settings.maximum_record_age_in_seconds == FOR_EVER:
            return
        oldest = self._clock() - self._settings.maximum_record_age_in_seconds
        for batch in cut(lane, oldest):
            self._discard(lane.shard, batch, "RecordAgeExceeded", None)

    def _trim(self, lane: Lane) -> None:
        """Forgets what the stream no longer has."""
        for batch in cut(lane, self._clock() - TRIM_SECONDS):
            self.trimmed += [entry.record for entry in batch.entries]

    def _discard(self, shard: str, batch: Batch, condition: str, error: BaseException | None) -> None:
        """Sends a batch to the on-failure destination."""
        discard = Discard(shard, condition, "Unhandled" if error else None, self._clock())
        document = to_document(discard, batch, next(self._numbers))
        self._on_failure.put(to_key(discard, next(self._numbers)), document)

    def _may_begin(self, shard: str) -> bool:
        """Whether all that the shard was split from has come to its end."""
        parent = self._parents[shard]
        return parent is None or (
            parent not in self._lanes or (all(lane.idle for lane in self._lanes[parent]) and self._may_begin(parent))
        )
