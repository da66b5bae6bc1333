"""Resend records that are still current, and archive their objects under `redriven/`.

A run can be repeated safely: it continues with the objects that are left.
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
from feature_events.records.change import Skipped
from feature_events.redrives.chunks import MOST_OBJECTS, is_after, sort_objects, to_chunks
from feature_events.redrives.record import RedrivenRecord, find_staleness, split_batches
from feature_events.redrives.report import RedriveReport, Tally
from feature_events.redrives.request import RedriveRequest
from feature_events.tables.table import Tables

# No chunk is started if less time than this is left. A chunk usually takes far less
_CHUNK_SECONDS = 10.0


class Redrive:
    """A run of the redrive.

    Args:
        request: the request.
        pipeline: encodes and sends records. Records of on-failure batches that cannot be sent go to its dead letters.
        store: the failure bucket.
        tables: reads current items.

    """

    def __init__(self, request: RedriveRequest, pipeline: Pipeline, store: FailureStore, tables: Tables) -> None:
        self._request = request
        # An operator started the run, so the dead-letter limit does not apply
        self._pipeline = pipeline._replace(limit=DeadLetterLimit(sys.maxsize))
        self._store = store
        self._tables = tables
        self._tally = Tally(request)

    def run(self, deadline: Deadline, delivery_seconds: float) -> None:
        """Process chunks until all are done, the deadline is near, or a record is left undelivered.

        Args:
            deadline: when to stop; the last chunk may take longer.
            delivery_seconds: the maximum time to wait for Kafka.

        Raises:
            Misconfigured: an operator must change something first.
            Undelivered: S3 or DynamoDB did not respond.

        """
        objects = self._find_objects()
        for number, chunk in enumerate(to_chunks(objects)):
            if number and deadline.remaining() < _CHUNK_SECONDS:
                return
            records = self._redrive_chunk(chunk, deadline, delivery_seconds)
            undelivered = {each.failure.key for each in records if each.outcome is RecordOutcome.UNDELIVERED}
            for stored in chunk:
                if stored.key in undelivered:
                    return
                self._tally.after = stored.key
        self._tally.is_complete = len(objects) < MOST_OBJECTS

    def report(self) -> RedriveReport:
        """Return the report of the work so far."""
        return self._tally.to_report()

    def _find_objects(self) -> Sequence[StoredObject]:
        """Return the requested objects in the order in which they are processed."""
        prefix, after = self._request.prefix, self._request.after
        if prefix is not None:
            return sort_objects(each for each in self._store.list(prefix) if is_after(each.key, after))
        keys = [key for key in dict.fromkeys(self._request.keys) if is_after(key, after)]
        found = list(self._store.find(keys))
        self._tally.missing += len(keys) - len(found)
        return sort_objects(found)

    def _redrive_chunk(
        self, chunk: Sequence[StoredObject], deadline: Deadline, delivery_seconds: float
    ) -> Sequence[RedrivenRecord]:
        """Process one chunk, or in a dry run only find out what a run would do."""
        failures = self._store.read(chunk)
        self._tally.missing += len(chunk) - len(failures)
        self._tally.count_objects(failures)
        records = [RedrivenRecord(record, failure) for failure in failures for record in failure.records or ()]
        seconds = max(_CHUNK_SECONDS, deadline.remaining())
        self._classify(records, Deadline(seconds))
        if self._request.dry_run:
            self._tally.count_outcomes(records)
            return records
        split_batches(records, self._pipeline.dead_letters)
        self._send(records, min(delivery_seconds, seconds))
        self._tally.count_outcomes(records)
        self._archive(failures, records)
        return records

    def _classify(self, records: Sequence[RedrivenRecord], deadline: Deadline) -> None:
        """Find the records that cannot or should not be sent."""
        for each in records:
            self._encode(each)
        if not self._request.force:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(partial(self._check_staleness, deadline=deadline), records))
        for each in records:
            if each.encoded and each.outcome is RecordOutcome.DELIVERABLE:
                self._tally.count_time(each.encoded.message.timestamp_ms)

    def _encode(self, record: RedrivenRecord) -> None:
        """Encode a record. The same message is checked and sent."""
        started = time.perf_counter()
        try:
            encoded = self._pipeline.encoder.encode_record(record.record)
        except (PoisonRecord, Misconfigured) as error:
            record.set_outcome(RecordOutcome.POISON, str(error))
            return
        record.encoding_seconds = time.perf_counter() - started
        if isinstance(encoded, Skipped):
            record.set_outcome(RecordOutcome.SKIPPED)
        else:
            record.encoded = encoded

    def _check_staleness(self, record: RedrivenRecord, deadline: Deadline) -> None:
        if record.encoded is None:
            return
        if not deadline.remaining():
            record.set_outcome(RecordOutcome.UNCHECKED, "no time left to read its item")
            return
        try:
            reason = find_staleness(record.encoded, self._tables, self._pipeline.encoder)
        except FeatureEventsError as error:
            record.set_outcome(RecordOutcome.UNCHECKED, str(error))
            return
        if reason is not None:
            record.set_outcome(RecordOutcome.STALE, reason)

    def _send(self, records: Sequence[RedrivenRecord], seconds: float) -> None:
        """Send the deliverable records of each table as one batch."""
        ready = sorted(
            [each for each in records if each.outcome is RecordOutcome.DELIVERABLE], key=lambda record: record.order
        )
        deadline = Deadline(seconds)
        for number, (_, of_table) in enumerate(groupby(ready, key=lambda record: record.identity.table)):
            batch = list(of_table)
            try:
                self._send_batch(batch, deadline)
            except Misconfigured as error:
                if not number:
                    raise
                # The records of the tables before are sent, so their objects can be archived. The next run fails
                logger.error("records of a table not redriven", table=batch[0].identity.table, reason=str(error))
                for each in batch:
                    each.set_outcome(RecordOutcome.UNDELIVERED, str(error))

    def _send_batch(self, batch: Sequence[RedrivenRecord], deadline: Deadline) -> None:
        """Publish records of one table."""
        messages = [each.encoded.message for each in batch if each.encoded]
        seconds = sum(each.encoding_seconds for each in batch)
        outcome = self._pipeline.publish([each.record for each in batch], messages, deadline, seconds)
        for each, result in zip(batch, outcome.outcomes, strict=True):
            match result:
                case RecordOutcome.DEAD_LETTERED:
                    reason = "Kafka rejected its event: see the reason in its dead letter"
                    each.set_outcome(RecordOutcome.POISON, reason)
                case RecordOutcome.UNDELIVERED:
                    each.set_outcome(RecordOutcome.UNDELIVERED, "Kafka did not acknowledge its event: see the log")
                case _:
                    each.set_outcome(RecordOutcome.DELIVERED)

    def _archive(self, failures: Sequence[Failure], records: Sequence[RedrivenRecord]) -> None:
        """Archive the objects whose records are all settled."""
        blocked = {each.failure.key for each in records if each.blocks_object}
        finished = [each for each in failures if each.records is not None and each.key not in blocked]
        self._store.move(finished)
        self._tally.moved += len(finished)
