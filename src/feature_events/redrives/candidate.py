"""A record that a run has in hand, and what becomes of it.

Its object can be moved only when every record in it has come to an end, so each knows where it is from.
"""

from feature_events.encoder import Encoded
from feature_events.failures.failure_store import Failure
from feature_events.outcome import RecordOutcome
from feature_events.records.stream_record import RecordIdentity, StreamRecord, read_identity

_LEFT = (RecordOutcome.STALE, RecordOutcome.POISON, RecordOutcome.UNCHECKED)


class Candidate:
    """A record in an object, and what becomes of it."""

    encoded: Encoded | None = None
    """None if the record is skipped or cannot become an event."""
    encoding_seconds = 0.0

    def __init__(self, record: StreamRecord, failure: Failure) -> None:
        self.record = record
        self.failure = failure
        self.end = RecordOutcome.DELIVERABLE
        self.reason = ""

    def become(self, end: RecordOutcome, reason: str = "") -> None:
        """This is what became of it, and why it was not delivered."""
        self.end = end
        self.reason = reason

    @property
    def position(self) -> RecordIdentity:
        """Which record it is."""
        return read_identity(self.record)

    @property
    def order(self) -> tuple[str, int, str]:
        """Sorts records of a table by their place in its stream, from whichever objects they are."""
        number = self.position.sequence_number or ""
        return self.position.table or "", len(number), number

    @property
    def needs_dead_letter(self) -> bool:
        """Whether it is in an on-failure batch, cannot be sent, and so has to be kept when that is moved."""
        return self.end in _LEFT and not self.failure.is_dead_letter

    @property
    def holds_object(self) -> bool:
        """Whether its object has to stay for it."""
        return self.end is RecordOutcome.UNDELIVERED or (self.end in _LEFT and self.failure.is_dead_letter)
