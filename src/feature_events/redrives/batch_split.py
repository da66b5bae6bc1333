"""Split on-failure batches: write a dead letter for each record that cannot be sent, so that the batch can be archived.

Otherwise a batch with one such record would stay, and every run would send its other records again.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.outcome import RecordOutcome
from feature_events.pipeline import DeadLetterStore
from feature_events.redrives.record import RedrivenRecord

# The limits for writing the dead letters of a chunk
_SECONDS = 60.0
_ATTEMPTS = 5
_PARALLEL_PUTS = 8  # fewer than the connections in the client's pool


def split_batches(records: Sequence[RedrivenRecord], dead_letters: DeadLetterStore) -> None:
    """Write the necessary dead letters. If that fails, all records of the batch become undelivered.

    This happens before any record of these batches is sent. A batch that cannot be split stays, and sending its records
    would repeat in every run.
    """
    deadline = Deadline(_SECONDS)
    waiting = [each for each in records if each.needs_dead_letter]
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(min(2**attempt / 10, deadline.remaining()))
        are_stored = _put(waiting, dead_letters, deadline)
        waiting = [each for each, is_stored in zip(waiting, are_stored, strict=True) if not is_stored]
        if not waiting:
            return
    unsplit = {each.failure.key for each in waiting}
    for each in records:
        if each.failure.key in unsplit:
            reason = "its batch could not be split: a dead letter cannot be written to the failure bucket"
            each.set_outcome(RecordOutcome.UNDELIVERED, reason)


def _put(records: Sequence[RedrivenRecord], dead_letters: DeadLetterStore, deadline: Deadline) -> Sequence[bool]:
    """Write a dead letter for each record, and return for each whether it was stored."""

    def put(each: RedrivenRecord) -> bool:
        try:
            dead_letters.put(each.record, PoisonRecord(each.reason), deadline)
        except Undelivered:
            return False
        return True

    first = [put(each) for each in records[:1]]  # alone, since the first put creates the client
    with ThreadPoolExecutor(_PARALLEL_PUTS) as pool:
        return first + list(pool.map(put, records[1:]))
