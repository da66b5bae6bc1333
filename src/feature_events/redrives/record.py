"""The records that a run is redriving.

A record knows its object, since an object is archived only once all its records are settled. It is stale if its table
contains another item now: an older event after a newer one would announce features that no longer exist. An on-failure
batch with records that must not be sent is split, so that the rest is not sent by each run again.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from feature_events.deadline import Deadline
from feature_events.encoder import Encoded, Encoder
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.failures.dead_letters import DeadLetters
from feature_events.failures.failure_store import Failure
from feature_events.layouts.features import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.outcome import RecordOutcome
from feature_events.records.change import Item
from feature_events.records.stream_record import StreamRecord, read_identity
from feature_events.tables.comparison import are_equal
from feature_events.tables.table import Tables

_LEFT = (RecordOutcome.STALE, RecordOutcome.POISON, RecordOutcome.UNCHECKED)
"""The outcomes of records that must not be sent. They are kept in dead letters."""


class RedrivenRecord:
    """A record of an object, and its outcome."""

    encoded: Encoded | None = None
    """None if the record is skipped or cannot become an event."""
    encoding_seconds = 0.0
    reason = ""
    """The reason why the record was not delivered."""

    def __init__(self, record: StreamRecord, failure: Failure) -> None:
        self.record = record
        self.failure = failure
        self.identity = read_identity(record)
        self.outcome = RecordOutcome.DELIVERABLE

    def set_outcome(self, outcome: RecordOutcome, reason: str = "") -> None:
        """Set the outcome, and the reason if the record was not delivered."""
        self.outcome = outcome
        self.reason = reason

    @property
    def order(self) -> tuple[str, int, str]:
        """The position in the table's stream, across all objects."""
        number = self.identity.sequence_number or ""
        return self.identity.table or "", len(number), number

    @property
    def needs_dead_letter(self) -> bool:
        """True if the record must be kept as a dead letter before its on-failure batch is archived."""
        return self.outcome in _LEFT and not self.failure.is_dead_letter

    @property
    def blocks_object(self) -> bool:
        """True if the object must stay because of this record."""
        is_left = self.outcome in _LEFT and self.failure.is_dead_letter
        return is_left or self.outcome is RecordOutcome.UNDELIVERED


def find_staleness(encoded: Encoded, tables: Tables, encoder: Encoder) -> str | None:
    """Return why a change is stale, or None if its item is still current.

    Raises:
        Misconfigured: the role is not allowed to read the table.
        Undelivered: DynamoDB did not respond.

    """
    item = tables.get_item(encoded.change)
    if item is None:
        return "its item no longer exists"
    if encoder.features_mode == "all":
        is_current = are_equal(item, encoded.change.new_image)
    else:
        is_current = _has_features(item, encoded, encoder.layouts)
    return None if is_current else "its item has changed since"


def _has_features(item: Item, encoded: Encoded, layouts: TableLayouts) -> bool:
    """Return whether the item still has the features that the event names, with the same values.

    A later write that did not change any of them has no event that names them.
    """
    features = encoded.entity.features
    compared = encoded.change._replace(kind="MODIFY", old_image=item)  # the order of the two items does not matter
    changes = read_feature_changes(compared, features, layouts)
    return changes is not None and set(changes.changed).isdisjoint(features)


# The limits for writing the dead letters of a chunk
_SECONDS = 60.0
_ATTEMPTS = 5
_PARALLEL_PUTS = 8  # fewer than the connections in the client's pool


def split_batches(records: Sequence[RedrivenRecord], dead_letters: DeadLetters) -> None:
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


def _put(records: Sequence[RedrivenRecord], dead_letters: DeadLetters, deadline: Deadline) -> Sequence[bool]:
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
