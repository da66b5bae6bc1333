"""Keeps what became of each record of a batch, and answers Lambda with it.

Lambda takes the lowest number in `batchItemFailures` as its checkpoint and delivers everything from there on again, so
one number is the whole answer: that of the first record which is neither delivered, skipped nor set aside.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from feature_events.records.change import Skipped
from feature_events.records.position import StreamRecord, read_position

_UNDELIVERED, _SKIPPED, _SET_ASIDE, _DELIVERED = 0, 1, 2, 3

WHOLE_BATCH = ""
"""The identifier by which Lambda delivers the whole batch again."""


class BatchItemFailure(TypedDict):
    """One entry of the answer."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda's event source mapping wants to hear."""

    batchItemFailures: list[BatchItemFailure]


class Outcome:
    """What became of each record; a record of which nothing is said is undelivered."""

    def __init__(self, records: Sequence[StreamRecord]) -> None:
        self.records = records
        self._states = bytearray(len(records))
        self.skipped: Counter[Skipped] = Counter()
        self.delivered = 0
        self.dead_letters = 0
        self.withheld: int | None = None
        """The position of a record that the dead-letter limit keeps in the stream."""

    def skip(self, position: int, reason: Skipped) -> None:
        """This record rightly gives no event."""
        self._states[position] = _SKIPPED
        self.skipped[reason] += 1

    def deliver(self, positions: Sequence[int]) -> None:
        """Kafka has acknowledged the events of these records."""
        states = self._states
        for position in positions:
            states[position] = _DELIVERED
        self.delivered += len(positions)

    def set_aside(self, position: int) -> None:
        """This record is in the dead-letter store."""
        self._states[position] = _SET_ASIDE
        self.dead_letters += 1

    def withhold(self, position: int) -> None:
        """This record would be in the dead-letter store if the limit had not been reached."""
        self.withheld = position

    def is_set_aside(self, position: int) -> bool:
        """Whether this record is in the dead-letter store."""
        return self._states[position] == _SET_ASIDE

    def is_undelivered(self, position: int) -> bool:
        """Whether this record has come to no end."""
        return self._states[position] == _UNDELIVERED

    @property
    def undelivered(self) -> int:
        """How many records have come to no end."""
        return self._states.count(_UNDELIVERED)

    @property
    def first_undelivered(self) -> int | None:
        """The position of the first of them."""
        position = self._states.find(_UNDELIVERED)
        return None if position < 0 else position

    @property
    def settled(self) -> int:
        """How many were delivered before the first undelivered one: Lambda does not deliver these again."""
        return self._states.count(_DELIVERED, 0, self.first_undelivered)

    @property
    def is_stopped(self) -> bool:
        """Whether the dead-letter limit keeps the first record in the stream, so that the shard waits for a person."""
        return self.withheld == 0

    def counts(self) -> dict[str, object]:
        """How many records came to which end."""
        return {
            "records": len(self.records),
            "delivered": self.delivered,
            "skipped": dict(self.skipped),
            "dead_letters": self.dead_letters,
            "undelivered": self.undelivered,
        }

    def response(self) -> BatchResponse:
        """The answer to Lambda."""
        position = self.first_undelivered
        if position is None:
            return {"batchItemFailures": []}
        number = read_position(self.records[position]).sequence_number
        return {"batchItemFailures": [{"itemIdentifier": number or WHOLE_BATCH}]}
