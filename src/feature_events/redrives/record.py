"""The objects and records that a run is redriving, and what keeps them from being settled.

An object is archived only once all its records are settled. If a record of an on-failure batch is not delivered, its
obstacle decides:

- PoisonRecord: the record becomes a dead letter, so that the batch is archived and the others are sent only once.
- Undelivered: the batch stays as it is, and the next run starts with it.
- Misconfigured: the batch stays as it is until an operator acts. If others of its records were sent, the record becomes
  a dead letter.
"""

from feature_events.encoder import Encoded
from feature_events.errors import FeatureEventsError, Misconfigured, PoisonRecord
from feature_events.failures.failure_store import Failure
from feature_events.outcome import RecordOutcome
from feature_events.records.stream_record import StreamRecord, read_identity


class RedrivenRecord:
    """A record of an object, and its outcome."""

    encoded: Encoded | None = None
    """None if the record is skipped or cannot become an event."""
    encoding_seconds = 0.0
    outcome = RecordOutcome.DELIVERABLE
    obstacle: FeatureEventsError | None = None
    """The reason why the record was not delivered."""

    def __init__(self, record: StreamRecord, failure: Failure) -> None:
        self.record = record
        self.failure = failure
        self.identity = read_identity(record)

    def leave(self, outcome: RecordOutcome, obstacle: FeatureEventsError) -> None:
        """Set the outcome of a record that was not delivered, and the reason."""
        self.outcome = outcome
        self.obstacle = obstacle.with_traceback(None)  # it would keep the frames of the failed call alive

    @property
    def order(self) -> tuple[str, int, str]:
        """The position in the table's stream, across all objects."""
        number = self.identity.sequence_number or ""
        return self.identity.table or "", len(number), number

    @property
    def is_poison(self) -> bool:
        """True if the record cannot become an event, whatever an operator changes."""
        return self.outcome is RecordOutcome.POISON and isinstance(self.obstacle, PoisonRecord)

    @property
    def needs_operator(self) -> bool:
        """True if the record waits for a setting or a permission."""
        return isinstance(self.obstacle, Misconfigured)


class RedrivenObject:
    """An object that was read, and its records."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self.records = [RedrivenRecord(record, failure) for record in failure.records or ()]

    @property
    def needs_retry(self) -> bool:
        """True if the next run must start with this object."""
        return any(each.outcome is RecordOutcome.UNDELIVERED for each in self.records)

    @property
    def is_split(self) -> bool:
        """True if this is a batch whose remaining records become dead letters.

        If nothing of a batch was sent, an operator who fixes the cause can redrive it as it is.
        """
        if self.failure.is_dead_letter or self.needs_retry:
            return False
        is_sent = any(each.outcome is RecordOutcome.DELIVERED for each in self.records)
        return is_sent or not any(each.needs_operator for each in self.records)

    @property
    def is_finished(self) -> bool:
        """True if the object can be archived, once the dead letters of its records are written."""
        if self.failure.records is None:
            return False
        settled = (RecordOutcome.DELIVERED, RecordOutcome.SKIPPED)
        return self.is_split or all(each.outcome in settled for each in self.records)
