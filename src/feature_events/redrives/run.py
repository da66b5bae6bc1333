"""Sends again what still stands and moves it under `redriven/`; the rest it leaves where it is.

So it can be run as often as one likes: a second run does what the first could not, and sends nothing twice.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby

from feature_events.aws.clients import PARALLEL
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, PoisonRecord
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.failure_store import Failure, FailureStore, StoredObject
from feature_events.logs import logger
from feature_events.outcome import RecordOutcome
from feature_events.pipeline import Pipeline
from feature_events.records.change import Change, Skipped, read_change
from feature_events.redrives.batch_split import split_batches
from feature_events.redrives.candidate import Candidate
from feature_events.redrives.chunks import MOST_OBJECTS, is_behind, sort_objects, to_chunks
from feature_events.redrives.report import Report, Tally
from feature_events.redrives.request import Request
from feature_events.redrives.staleness import Tables, find_staleness

# With less than this to go no further chunk is begun; it is many times what one takes where all is well
_CHUNK_SECONDS = 10.0


class Redrive:
    """One run.

    Args:
        request: what is asked for.
        pipeline: sends what still stands; its dead-letter store takes what an on-failure batch holds and cannot be
            sent.
        store: where to read from.
        tables: where the records came from.

    """

    def __init__(self, request: Request, pipeline: Pipeline, store: FailureStore, tables: Tables) -> None:
        self._request = request
        # Whoever runs it means it, so no limit holds it up
        self._pipeline = pipeline._replace(limit=DeadLetterLimit(sys.maxsize))
        self._store = store
        self._tables = tables
        self._tally = Tally(request)

    def run(self, deadline: Deadline, delivery_seconds: float) -> None:
        """Goes on until all is done, the deadline is near, or something did not work.

        Args:
            deadline: when the run is to end; it may take longer by what one chunk takes.
            delivery_seconds: the longest to wait for Kafka.

        Raises:
            Misconfigured: a person has to change something first.
            Undelivered: S3 or DynamoDB did not answer.

        """
        objects = self._find_objects()
        for number, chunk in enumerate(to_chunks(objects)):
            if number and deadline.remaining() < _CHUNK_SECONDS:
                return
            candidates = self._redrive_chunk(chunk, deadline, delivery_seconds)
            undelivered = {each.failure.key for each in candidates if each.end is RecordOutcome.UNDELIVERED}
            for stored in chunk:
                if stored.key in undelivered:
                    return
                self._tally.after = stored.key
        self._tally.is_complete = len(objects) < MOST_OBJECTS

    def report(self) -> Report:
        """What has been done so far."""
        return self._tally.to_report()

    def _find_objects(self) -> Sequence[StoredObject]:
        """The objects that are asked for, in the order in which they are done."""
        prefix, after = self._request.prefix, self._request.after
        if prefix is not None:
            return sort_objects(each for each in self._store.list(prefix) if is_behind(each.key, after))
        keys = [key for key in dict.fromkeys(self._request.keys) if is_behind(key, after)]
        there = list(self._store.find(keys))
        self._tally.missing += len(keys) - len(there)
        return sort_objects(there)

    def _redrive_chunk(
        self, chunk: Sequence[StoredObject], deadline: Deadline, delivery_seconds: float
    ) -> Sequence[Candidate]:
        """Brings the records of one chunk to their ends, or says what a run would do."""
        failures = self._store.read(chunk)
        self._tally.missing += len(chunk) - len(failures)
        self._tally.count_objects(failures)
        candidates = [Candidate(record, failure) for failure in failures for record in failure.records or ()]
        seconds = max(_CHUNK_SECONDS, deadline.remaining())
        self._look(candidates, Deadline(seconds))
        if self._request.dry_run:
            self._tally.count_ends(candidates)
            return candidates
        split_batches(candidates, self._pipeline.dead_letters)
        self._send(candidates, min(delivery_seconds, seconds))
        self._tally.count_ends(candidates)
        self._move(failures, candidates)
        return candidates

    def _look(self, candidates: Sequence[Candidate], deadline: Deadline) -> None:
        """Find the records that cannot or should not be sent."""
        for each in candidates:
            self._encode(each)
        if not self._request.force:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(partial(self._check, deadline=deadline), candidates))
        for each in candidates:
            if each.encoded is not None and each.end is RecordOutcome.DELIVERABLE:
                self._tally.count_time(each.encoded.message.timestamp_ms)

    def _encode(self, candidate: Candidate) -> None:
        """Encode a record, once: the message that is checked here is the one that is sent."""
        started = time.perf_counter()
        try:
            change = read_change(candidate.record)
            encoded = self._pipeline.encoder.encode(change) if isinstance(change, Change) else change
        except (PoisonRecord, Misconfigured) as error:
            candidate.become(RecordOutcome.POISON, str(error))
            return
        candidate.encoding_seconds = time.perf_counter() - started
        if isinstance(encoded, Skipped):
            candidate.become(RecordOutcome.SKIPPED)
        else:
            candidate.encoded = encoded

    def _check(self, candidate: Candidate, deadline: Deadline) -> None:
        """Check whether the table still has what this change left."""
        if candidate.encoded is None:
            return
        if not deadline.remaining():
            candidate.become(RecordOutcome.UNCHECKED, "there was no time left to ask its table")
            return
        try:
            reason = find_staleness(candidate.encoded, self._tables, self._pipeline.encoder)
        except FeatureEventsError as error:
            candidate.become(RecordOutcome.UNCHECKED, str(error))
            return
        if reason is not None:
            candidate.become(RecordOutcome.STALE, reason)

    def _send(self, candidates: Sequence[Candidate], seconds: float) -> None:
        """Runs the pipeline on what can be sent, once for each table, as a batch is of one table."""
        ready = sorted(
            [each for each in candidates if each.end is RecordOutcome.DELIVERABLE],
            key=lambda candidate: candidate.order,
        )
        deadline = Deadline(seconds)
        for number, (_, of_table) in enumerate(groupby(ready, key=lambda candidate: candidate.position.table)):
            group = list(of_table)
            try:
                self._send_table(group, deadline)
            except Misconfigured as error:
                if not number:
                    raise
                # The other tables' records are sent and their objects moved; what is left makes the next run fail
                logger.error("records of a table not redriven", table=group[0].position.table, reason=str(error))
                for each in group:
                    each.become(RecordOutcome.UNDELIVERED, str(error))

    def _send_table(self, ready: Sequence[Candidate], deadline: Deadline) -> None:
        """Run the pipeline on these records of one table."""
        records = [each.record for each in ready]
        messages = [each.encoded.message for each in ready if each.encoded is not None]
        seconds = sum(each.encoding_seconds for each in ready)
        outcome = self._pipeline.publish(records, messages, deadline, seconds)
        for each, result in zip(ready, outcome.outcomes, strict=True):
            match result:
                case RecordOutcome.DEAD_LETTERED:
                    each.become(RecordOutcome.POISON, "Kafka refuses it; its dead letter says why")
                case RecordOutcome.UNDELIVERED:
                    each.become(RecordOutcome.UNDELIVERED, "Kafka did not acknowledge it; the log says why")
                case _:
                    each.become(RecordOutcome.DELIVERED)

    def _move(self, failures: Sequence[Failure], candidates: Sequence[Candidate]) -> None:
        """Moves the objects of which every record has come to an end."""
        held = {each.failure.key for each in candidates if each.holds_object}
        finished = [each for each in failures if each.records is not None and each.key not in held]
        self._store.move(finished)
        self._tally.moved += len(finished)
