"""Keeps what became of each record of a batch, and answers Lambda with it.

Lambda takes the lowest number in `batchItemFailures` as its checkpoint and retries everything from there on, so one
number is the whole answer: that of the first record which is neither delivered, skipped nor dead-lettered.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from feature_events.events.message import Message
from feature_events.records.change import Skipped
from feature_events.records.stream_record import StreamRecord, read_identity, read_oldest_ms, read_table

_UNDELIVERED, _SKIPPED, _DEAD_LETTERED, _DELIVERED = 0, 1, 2, 3

WHOLE_BATCH = ""
"""The identifier by which Lambda retries the whole batch."""


class BatchItemFailure(TypedDict):
    """One entry of the answer."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda's event source mapping wants to hear."""

    batchItemFailures: list[BatchItemFailure]


def measure_arrival(records: Sequence[StreamRecord], now: float) -> dict[str, float]:
    """Return the figures of a batch that nothing was done with yet, by the names of `metrics.METRICS`.

    Args:
        records: the batch.
        now: in seconds since the epoch.

    """
    measured: dict[str, float] = {"RecordsReceived": len(records)}
    oldest = read_oldest_ms(records)
    if oldest is not None:
        measured["RecordAge"] = max(0.0, now * 1000 - oldest)
    return measured


class Outcome:
    """What became of each record; a record of which nothing is said is undelivered."""

    def __init__(self, records: Sequence[StreamRecord]) -> None:
        self.records = records
        self.table = read_table(records)
        self._states = bytearray(len(records))
        self.skipped = Counter(dict.fromkeys(Skipped, 0))
        """By reason, zeros included: an alarm must tell none from missing data."""
        self.delivered = 0
        self.dead_letters = 0
        self.withheld: int | None = None
        """The position of a record that the dead-letter limit keeps in the stream."""
        self.serialization_seconds = self.delivery_seconds = 0.0
        self._event_bytes = 0
        self._oldest_ms = math.inf

    def count_messages(self, messages: Collection[Message], seconds: float) -> None:
        """These messages were made in so many seconds."""
        self.serialization_seconds += seconds
        self._event_bytes += sum([len(message.value) for message in messages])
        self._oldest_ms = min([self._oldest_ms, *[message.timestamp_ms for message in messages]])

    def skip(self, reasons: Mapping[int, Skipped]) -> None:
        """The records at these positions rightly give no event."""
        for position in reasons:
            self._states[position] = _SKIPPED
        self.skipped.update(reasons.values())

    def deliver(self, positions: Sequence[int]) -> None:
        """Kafka has acknowledged the events of these records."""
        states = self._states
        for position in positions:
            states[position] = _DELIVERED
        self.delivered += len(positions)

    def dead_letter(self, position: int) -> None:
        """This record is in the dead-letter store."""
        self._states[position] = _DEAD_LETTERED
        self.dead_letters += 1

    def withhold(self, position: int) -> None:
        """This record would be in the dead-letter store if the limit had not been reached."""
        self.withheld = position

    def is_dead_lettered(self, position: int) -> bool:
        """Whether this record is in the dead-letter store."""
        return self._states[position] == _DEAD_LETTERED

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
        """How many were delivered before the first undelivered one: Lambda does not retry these."""
        return self._states.count(_DELIVERED, 0, self.first_undelivered)

    @property
    def is_stopped(self) -> bool:
        """Whether the dead-letter limit keeps the first record in the stream, so that the shard waits for a person."""
        return self.withheld == 0

    def measure(self, answered: float) -> dict[str, float]:
        """The batch's figures by the names of `metrics.METRICS`, answered at this time in seconds since the epoch."""
        measured: dict[str, float] = {
            "EventsDelivered": self.delivered,
            "RecordsUndelivered": self.undelivered,
            "DeadLetters": self.dead_letters,
            "DeadLetterLimitReached": int(self.is_stopped),
            "SerializationTime": self.serialization_seconds * 1000,
        }
        if self._event_bytes:
            measured["EventBytes"] = self._event_bytes
            measured["DeliveryLatency"] = self.delivery_seconds * 1000
        if self.delivered:
            measured["EndToEndLatency"] = max(0.0, answered * 1000 - self._oldest_ms)
        return measured

    def counts(self) -> dict[str, object]:
        """Count the table's records by outcome."""
        return {
            "table": self.table,
            "records": len(self.records),
            "delivered": self.delivered,
            "skipped": dict(+self.skipped),
            "dead_letters": self.dead_letters,
            "undelivered": self.undelivered,
        }

    def response(self) -> BatchResponse:
        """The answer to Lambda."""
        position = self.first_undelivered
        if position is None:
            return {"batchItemFailures": []}
        number = read_identity(self.records[position]).sequence_number
        return {"batchItemFailures": [{"itemIdentifier": number or WHOLE_BATCH}]}
