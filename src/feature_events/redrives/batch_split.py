"""Makes dead letters of what on-failure batches hold and cannot be sent, so that the batches can be moved.

A batch with one such record would else stay, and each run would send the rest of it again.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.outcome import RecordOutcome
from feature_events.pipeline import DeadLetterStore
from feature_events.redrives.candidate import Candidate

# How long and how often a record is tried to be put
_SECONDS = 60.0
_ATTEMPTS = 5
_PUTS_AT_ONCE = 8  # fewer than the connections that the dead letters' client keeps


def split_batches(candidates: Sequence[Candidate], dead_letters: DeadLetterStore) -> None:
    """Puts what needs a dead letter; where that does not work, all records of its batch become undelivered.

    It comes before anything of these batches is sent: one that cannot be split stays, and is not sent by each run.
    """
    deadline = Deadline(_SECONDS)
    waiting = [each for each in candidates if each.needs_dead_letter]
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(min(2**attempt / 10, deadline.remaining()))
        are_put = _put(waiting, dead_letters, deadline)
        waiting = [each for each, is_put in zip(waiting, are_put, strict=True) if not is_put]
        if not waiting:
            return
    unsplit = {each.failure.key for each in waiting}
    for each in candidates:
        if each.failure.key in unsplit:
            each.become(RecordOutcome.UNDELIVERED, "its batch could not be split: the failure bucket does not take it")


def _put(candidates: Sequence[Candidate], dead_letters: DeadLetterStore, deadline: Deadline) -> Sequence[bool]:
    """Makes a dead letter of each of these; whether that worked."""

    def put(each: Candidate) -> bool:
        try:
            dead_letters.put(each.record, PoisonRecord(each.reason), deadline)
        except Undelivered:
            return False
        return True

    first = [put(each) for each in candidates[:1]]  # alone, since the first put makes the client
    with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
        return first + list(pool.map(put, candidates[1:]))
