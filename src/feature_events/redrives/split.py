"""Split on-failure batches: write dead letters for the records that are not sent.

Without them, a batch could not be archived, and each further run would send its other records again.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.failures.dead_letters import DeadLetters
from feature_events.outcome import RecordOutcome
from feature_events.redrives.record import RedrivenObject, RedrivenRecord

# The limits for writing dead letters
_SECONDS = 30.0
_ATTEMPTS = 5
_PARALLEL_PUTS = 8  # fewer than the connections in the client's pool

_NOT_WRITTEN = "its batch could not be split: a dead letter cannot be written to the failure bucket"


def split_off_poison(objects: Sequence[RedrivenObject], dead_letters: DeadLetters) -> None:
    """Write dead letters for poison, before any record of its batch is sent.

    If that fails, the batch stays, and none of its records is sent: each run would send them again.
    """
    batches = [each for each in objects if not each.failure.is_dead_letter]
    poison = [record for batch in batches for record in batch.records if record.is_poison]
    unsplit = {each.failure.key for each in _put_all(poison, dead_letters)}
    for batch in batches:
        if batch.failure.key in unsplit:
            for record in batch.records:
                record.leave(RecordOutcome.UNDELIVERED, Undelivered(_NOT_WRITTEN))


def split_off_rest(objects: Sequence[RedrivenObject], dead_letters: DeadLetters) -> None:
    """Write dead letters for the other records that were not sent: stale ones, and those that wait for an operator.

    They are known only after the staleness check, which comes immediately before the send.
    """
    rest = [
        record
        for each in objects
        if each.is_split
        for record in each.records
        if record.outcome is RecordOutcome.STALE or record.needs_operator
    ]
    for record in _put_all(rest, dead_letters):
        record.leave(RecordOutcome.UNDELIVERED, Undelivered(_NOT_WRITTEN))


def _put_all(records: Sequence[RedrivenRecord], dead_letters: DeadLetters) -> Sequence[RedrivenRecord]:
    """Write a dead letter for each record, and return the records for which that failed."""
    deadline = Deadline(_SECONDS)
    for attempt in range(_ATTEMPTS):
        if not records:
            break
        if attempt:
            time.sleep(min(2**attempt / 10, deadline.remaining()))
        are_stored = _put(records, dead_letters, deadline)
        records = [each for each, is_stored in zip(records, are_stored, strict=True) if not is_stored]
    return records


def _put(records: Sequence[RedrivenRecord], dead_letters: DeadLetters, deadline: Deadline) -> Sequence[bool]:
    """Write a dead letter for each record, and return for each whether it was stored."""

    def put(each: RedrivenRecord) -> bool:
        try:
            dead_letters.put(each.record, PoisonRecord(str(each.obstacle)), deadline)
        except Undelivered:
            return False
        return True

    first = [put(each) for each in records[:1]]  # alone, since the first put creates the client
    with ThreadPoolExecutor(_PARALLEL_PUTS) as pool:
        return first + list(pool.map(put, records[1:]))
