"""The records that a run is redriving.

A record knows its object, since an object is archived only once all its records are settled.
"""

from feature_events.encoder import Encoded
from feature_events.failures.failure_store import Failure
from feature_events.outcome import RecordOutcome
from feature_events.records.stream_record import StreamRecord, read_identity

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
