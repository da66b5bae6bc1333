"""A model of Lambda's event source mapping for a DynamoDB stream, with a clock that tests control.

The function's guarantees depend on the mapping, which decides what is retried and what goes to the on-failure
destination. A test runs the model step by step, and chooses the lane of each step.

The model follows AWS's documentation. Batches, retries, bisecting, record age, on-failure destination:
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
"""The function, which takes an event and returns a response or raises an exception."""

TRIM_SECONDS = 24 * 3600
MAX_BATCH_BYTES = 6_000_000
UNLIMITED = -1


class TimedOut(Exception):
    """The function timed out."""


@dataclass(frozen=True)
class MappingSettings:
    """The mapping's properties by their names in a template, with AWS's defaults."""

    batch_size: int = 100
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = False
    maximum_retry_attempts: int = UNLIMITED
    maximum_record_age_in_seconds: int = UNLIMITED
    parallelization_factor: int = 1

    @classmethod
    def of_template(cls, properties: Mapping[str, Any]) -> "MappingSettings":
        """Read the properties of a mapping in a template."""
        return cls(
            batch_size=int(properties["BatchSize"]),
            bisect_batch_on_function_error=properties["BisectBatchOnFunctionError"],
            report_batch_item_failures="ReportBatchItemFailures" in properties["FunctionResponseTypes"],
            maximum_retry_attempts=properties["MaximumRetryAttempts"],
            maximum_record_age_in_seconds=int(properties["MaximumRecordAgeInSeconds"]),
            parallelization_factor=int(properties.get("ParallelizationFactor", 1)),
        )


class Outcome(Enum):
    """The outcome of one step of the mapping."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    DISCARDED = "discarded"


class Invocation(NamedTuple):
    """One invocation, and its outcome for the mapping."""

    records: Sequence[Record]
    answer: Any
    error: BaseException | None
    outcome: Outcome
    remaining: Sequence[Record]
    """The records of the batch that are retried."""


class EventSourceMapping:
    """The mapping of one stream to one function.

    A shard starts once its parent is finished. Within a shard, records of the same item (the same key) are in order.
    With a ParallelizationFactor of 1, the whole shard is in order.
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
        """Lost records: the stream trimmed them before they were delivered or discarded."""

    def add_shard(self, shard: str, parent: str | None = None) -> None:
        """Add a shard, which starts once its parent is finished."""
        self._parents[shard] = parent
        self._lanes[shard] = [Lane(shard) for _ in range(self._settings.parallelization_factor)]

    def put(self, shard: str, record: Record) -> None:
        """Append a record to a shard."""
        lanes = self._lanes[shard]
        item = json.dumps(record["dynamodb"].get("Keys"), sort_keys=True)
        lanes[crc32(item.encode()) % len(lanes)].waiting.append(Entry(record, self._clock()))

    def pending(self) -> list[Record]:
        """Return the records that are still in the stream, lane by lane in order."""
        return [entry.record for lanes in self._lanes.values() for lane in lanes for entry in lane.pending]

    def lanes(self, shard: str) -> list[Lane]:
        """Return the lanes of a shard. Each may run in a separate thread."""
        return self._lanes[shard]

    def ready(self) -> list[Lane]:
        """Return the lanes that have records to deliver."""
        return [
            lane for shard, lanes in self._lanes.items() if self._may_start(shard) for lane in lanes if not lane.idle
        ]

    def advance(self, seconds: float) -> None:
        """Advance the clock. The mapping discards records that are too old, and the stream is trimmed."""
        end = self._clock.seconds + seconds
        while self._clock.seconds < end:
            self._clock.seconds = min(end, self._clock.seconds + 600)
            for lanes in self._lanes.values():
                for lane in lanes:
                    self._expire(lane)
                    self._trim(lane)

    def step(self, lane: Lane) -> Invocation | None:
        """Invoke the function with the next batch of a lane, or return None if all of its records were too old."""
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
        except Exception as exception:  # noqa: BLE001  # the mapping retries after any exception
            error = exception
        outcome = self._settle(lane, batch, answer, error)
        remaining = {id(entry.record) for waiting in lane.batches for entry in waiting.entries}
        return Invocation(records, answer, error, outcome, [record for record in records if id(record) in remaining])

    def _settle(self, lane: Lane, batch: Batch, answer: object, error: BaseException | None) -> Outcome:
        """Advance the lane according to the response."""
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
        if (
            self._settings.maximum_retry_attempts != UNLIMITED
            and batch.failures > self._settings.maximum_retry_attempts
        ):
            self._discard(lane.shard, batch, "RetryAttemptsExhausted", error)
            return Outcome.DISCARDED
        lane.batches.appendleft(batch)
        return Outcome.PARTIAL if position else Outcome.FAILED

    def _read_checkpoint(self, answer: object, batch: Batch) -> int | None:
        """Return the index of the first record to retry, or None. An invalid response retries the whole batch."""
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
        """Take the next batch, limited by BatchSize and 6 MB."""
        entries = [waiting.popleft()]
        size = entries[0].size
        while waiting and len(entries) < self._settings.batch_size:
            size += waiting[0].size
            if size > MAX_BATCH_BYTES:
                break
            entries.append(waiting.popleft())
        return Batch(entries)

    def _expire(self, lane: Lane) -> None:
        """Discard records that are older than MaximumRecordAgeInSeconds."""
        if self._settings.maximum_record_age_in_seconds == UNLIMITED:
            return
        oldest = self._clock() - self._settings.maximum_record_age_in_seconds
        for batch in cut(lane, oldest):
            self._discard(lane.shard, batch, "RecordAgeExceeded", None)

    def _trim(self, lane: Lane) -> None:
        """Remove records that the stream no longer contains."""
        for batch in cut(lane, self._clock() - TRIM_SECONDS):
            self.trimmed += [entry.record for entry in batch.entries]

    def _discard(self, shard: str, batch: Batch, condition: str, error: BaseException | None) -> None:
        """Send a batch to the on-failure destination."""
        discard = Discard(shard, condition, "Unhandled" if error else None, self._clock())
        document = to_document(discard, batch, next(self._numbers))
        self._on_failure.put(to_key(discard, next(self._numbers)), document)

    def _may_start(self, shard: str) -> bool:
        """Return whether the ancestors of the shard are finished."""
        parent = self._parents[shard]
        return parent is None or (
            parent not in self._lanes or (all(lane.idle for lane in self._lanes[parent]) and self._may_start(parent))
        )
