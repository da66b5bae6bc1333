"""Resend records that are still current, and archive their objects under `redriven/`.

A run can be repeated safely: it continues with the objects that are left. A run that is killed may have sent records of
objects that are not archived yet. The next run checks these records again, and sends those that are still current.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched, groupby

from feature_events.aws.clients import PARALLEL
from feature_events.deadline import Deadline
from feature_events.encoder import Encoded
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.failure_store import FailureStore, StoredObject
from feature_events.logs import logger
from feature_events.outcome import RecordOutcome
from feature_events.pipeline import Pipeline
from feature_events.redrives.chunks import MOST_OBJECTS, is_after, sort_objects, to_chunks
from feature_events.redrives.record import RedrivenObject, RedrivenRecord
from feature_events.redrives.report import RedriveReport, Tally
from feature_events.redrives.request import RedriveRequest
from feature_events.redrives.split import split_off_poison, split_off_rest
from feature_events.redrives.staleness import find_staleness
from feature_events.tables.table import Tables

# No chunk is started if less time than this is left. A chunk usually takes far less
_CHUNK_SECONDS = 10.0

# Records are checked and sent in groups, so that only seconds pass between the check of a record and its send. A table
# must allow five reads per second
_GROUP = 50
_CHECK_SECONDS = 10.0
_CURE = "if its table throttles reads, raise the table's read capacity"


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
            Undelivered: S3 did not respond.

        """
        found = self._find_objects()
        for number, chunk in enumerate(to_chunks(found)):
            if number and deadline.remaining() < _CHUNK_SECONDS:
                return
            objects = self._redrive_chunk(chunk, deadline, delivery_seconds)
            unfinished = {each.failure.key for each in objects if each.needs_retry}
            for stored in chunk:
                if stored.key in unfinished:
                    return
                self._tally.after = stored.key
        self._tally.is_complete = len(found) < MOST_OBJECTS

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
    ) -> Sequence[RedrivenObject]:
        """Process one chunk, or in a dry run only find out what a run would do."""
        objects = [RedrivenObject(failure) for failure in self._store.read(chunk)]
        self._tally.missing += len(chunk) - len(objects)
        self._tally.count_objects([each.failure for each in objects])
        records = [record for each in objects for record in each.records]
        for record in records:
            self._encode(record)
        is_dry_run = self._request.dry_run
        if not is_dry_run:
            split_off_poison(objects, self._pipeline.dead_letters)
        self._process(records, Deadline(max(_CHUNK_SECONDS, deadline.remaining())), delivery_seconds)
        if not is_dry_run:
            split_off_rest(objects, self._pipeline.dead_letters)
        self._tally.count_outcomes(records)
        if not is_dry_run:
            self._archive(objects)
        return objects

    def _encode(self, record: RedrivenRecord) -> None:
        """Encode a record. The same message is checked and sent."""
        started = time.perf_counter()
        try:
            encoded = self._pipeline.encoder.encode_record(record.record)
        except (PoisonRecord, Misconfigured) as error:
            record.leave(RecordOutcome.POISON, error)
            return
        record.encoding_seconds = time.perf_counter() - started
        if isinstance(encoded, Encoded):
            record.encoded = encoded
        else:
            record.outcome = RecordOutcome.SKIPPED

    def _process(self, records: Sequence[RedrivenRecord], deadline: Deadline, delivery_seconds: float) -> None:
        """Check and send one group after the other, until a record is left undelivered or the deadline has passed.

        Waiting for Kafka ends at the deadline too, because the chunk must be archived before the invocation ends.
        """
        cause: object = None
        for group in _to_groups(records):
            if cause is None and not deadline.remaining():
                cause = "no time left; raise `seconds`"
            if cause is not None:
                _leave(group, f"not sent: {cause}")
                continue
            if not self._request.force:
                self._check(group, Deadline(_CHECK_SECONDS))
            if not self._request.dry_run:
                ready = [each for each in group if each.outcome is RecordOutcome.DELIVERABLE]
                try:
                    self._send(ready, deadline.within(delivery_seconds))
                except Misconfigured as error:
                    if not any(each.outcome is RecordOutcome.DELIVERED for each in records):
                        raise
                    # Earlier groups are sent, so their objects can be archived. The next run fails
                    logger.error("records of a table not redriven", table=group[0].identity.table, reason=str(error))
                    _leave(group, str(error))
            cause = next((each.obstacle for each in group if each.outcome is RecordOutcome.UNDELIVERED), None)

    def _check(self, group: Sequence[RedrivenRecord], deadline: Deadline) -> None:
        """Find stale records, immediately before the others are sent.

        If an item cannot be read now, none of its batch is sent, because the batch stays for the next run.
        """
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(partial(self._check_record, deadline=deadline), group))
        causes = {each.failure.key: each.obstacle for each in group if each.outcome is RecordOutcome.UNDELIVERED}
        for each in group:
            if each.failure.key in causes:
                cause = causes[each.failure.key]
                _leave([each], f"not sent with its batch: {cause}")

    def _check_record(self, record: RedrivenRecord, deadline: Deadline) -> None:
        if record.encoded is None:
            return
        seconds = deadline.remaining()
        if not seconds:
            obstacle = f"its item was not read within {_CHECK_SECONDS:.0f} seconds; {_CURE}"
            record.leave(RecordOutcome.UNDELIVERED, Undelivered(obstacle))
            return
        try:
            reason = find_staleness(record.encoded, self._tables, self._pipeline.encoder, seconds)
        except Undelivered as error:
            record.leave(RecordOutcome.UNDELIVERED, Undelivered(f"{error}; {_CURE}"))
        except Misconfigured as error:
            record.leave(RecordOutcome.UNCHECKED, error)
        else:
            if reason is not None:
                record.leave(RecordOutcome.STALE, PoisonRecord(reason))

    def _send(self, records: Sequence[RedrivenRecord], deadline: Deadline) -> None:
        """Publish records of one table."""
        messages = [each.encoded.message for each in records if each.encoded]
        if not messages:
            return
        encoding_seconds = sum(each.encoding_seconds for each in records)
        outcome = self._pipeline.publish([each.record for each in records], messages, deadline, encoding_seconds)
        for each, result in zip(records, outcome.outcomes, strict=True):
            match result:
                case RecordOutcome.DEAD_LETTERED:
                    reason = "Kafka rejected its event: see the reason in its dead letter"
                    each.leave(RecordOutcome.POISON, PoisonRecord(reason))
                case RecordOutcome.UNDELIVERED:
                    reason = "Kafka did not acknowledge its event: see the log"
                    each.leave(RecordOutcome.UNDELIVERED, Undelivered(reason))
                case _:
                    each.outcome = RecordOutcome.DELIVERED

    def _archive(self, objects: Sequence[RedrivenObject]) -> None:
        """Archive the objects whose records are all settled."""
        finished = [each.failure for each in objects if each.is_finished]
        self._store.move(finished)
        self._tally.moved += len(finished)


def _to_groups(records: Sequence[RedrivenRecord]) -> Iterator[Sequence[RedrivenRecord]]:
    """Divide the deliverable records into groups of one table each, in the order of its stream."""
    ready = sorted([each for each in records if each.outcome is RecordOutcome.DELIVERABLE], key=lambda each: each.order)
    for _, of_table in groupby(ready, key=lambda each: each.identity.table):
        yield from batched(of_table, _GROUP, strict=False)


def _leave(records: Sequence[RedrivenRecord], reason: str) -> None:
    """Mark the deliverable records among these as undelivered."""
    for each in records:
        if each.outcome is RecordOutcome.DELIVERABLE:
            each.leave(RecordOutcome.UNDELIVERED, Undelivered(reason))
