"""The outcome of each record of a batch, and the response to Lambda.

Lambda takes the lowest number in `batchItemFailures` as its checkpoint and retries every record from there on. So the
response names one record: the first undelivered one.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TypedDict

from feature_events.events.event import AVAILABLE
from feature_events.events.message import Message
from feature_events.records.change import Skipped
from feature_events.records.stream_record import StreamRecord, read_identity, read_oldest_ms, read_table

WHOLE_BATCH = ""
"""The identifier that makes Lambda retry the whole batch."""


class RecordOutcome(StrEnum):
    """The outcome of a record; the last four occur only in a redrive."""

    DELIVERED = "delivered"
    """Kafka acknowledged its event."""
    SKIPPED = "skipped"
    """It produces no event, by design."""
    DEAD_LETTERED = "dead_lettered"
    """It cannot become an event, or Kafka rejected its event. It is in the dead-letter store."""
    UNDELIVERED = "undelivered"
    """A retry may deliver it."""
    STALE = "stale"
    """Its item has changed since, or the item of a removal has features again. It is not sent without `force`."""
    POISON = "poison"
    """It still cannot become an event, or Kafka rejected its event."""
    UNCHECKED = "unchecked"
    """The role is not allowed to read its table, so it may be stale."""
    DELIVERABLE = "deliverable"
    """In a dry run: its event would be sent."""


class BatchItemFailure(TypedDict):
    """An entry of the response."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The response that Lambda's event source mapping expects."""

    batchItemFailures: list[BatchItemFailure]


def measure_arrival(records: Sequence[StreamRecord], now: float) -> dict[str, float]:
    """Return the metrics of a batch on its arrival, by the names of `metrics.METRICS`.

    Args:
        records: the batch.
        now: in seconds since the epoch.

    """
    measured: dict[str, float] = {"RecordsReceived": len(records)}
    oldest = read_oldest_ms(records)
    if oldest is not None:
        measured["RecordAge"] = max(0.0, now * 1000 - oldest)
    return measured


class BatchOutcome:
    """The outcome of each record of a batch. Records default to undelivered."""

    def __init__(self, records: Sequence[StreamRecord]) -> None:
        self.records = records
        self.table = read_table(records)
        self.outcomes = [RecordOutcome.UNDELIVERED] * len(records)
        """By position in the batch."""
        self.skipped = Counter(dict.fromkeys(Skipped, 0))
        """By reason, zeros included: an alarm must distinguish none from missing data."""
        self.delivered_events = Counter({AVAILABLE: 0})
        """By event type."""
        self.dead_letters = 0
        self.withheld: int | None = None
        """The position of the record that the dead-letter limit keeps in the stream."""
        self.serialization_seconds = self.delivery_seconds = 0.0
        self._first_unsettled = 0
        """No record before this position is undelivered."""
        self._event_bytes = 0
        self._oldest_ms = math.inf

    def count_messages(self, messages: Collection[Message], seconds: float) -> None:
        """Count encoded messages, and the seconds that encoding them took."""
        self.serialization_seconds += seconds
        self._event_bytes += sum([len(message.value) for message in messages])
        self._oldest_ms = min([self._oldest_ms, *[message.timestamp_ms for message in messages]])

    def skip(self, reasons: Mapping[int, Skipped]) -> None:
        """Mark the records at these positions as skipped."""
        for position in reasons:
            self.outcomes[position] = RecordOutcome.SKIPPED
        self.skipped.update(reasons.values())

    def deliver(self, event_types: Mapping[int, str]) -> None:
        """Mark the records at these positions as delivered."""
        outcomes, delivered = self.outcomes, RecordOutcome.DELIVERED
        for position in event_types:
            outcomes[position] = delivered
        self.delivered_events.update(event_types.values())

    def dead_letter(self, position: int) -> None:
        """Mark this record as dead-lettered."""
        self.outcomes[position] = RecordOutcome.DEAD_LETTERED
        self.dead_letters += 1

    def withhold(self, position: int) -> None:
        """Mark this record as bad, but kept in the stream by the dead-letter limit."""
        self.withheld = position

    @property
    def delivered(self) -> int:
        """The number of delivered records."""
        return self.delivered_events.total()

    @property
    def undelivered(self) -> int:
        """The number of undelivered records."""
        return len(self.outcomes) - self.delivered - self.dead_letters - self.skipped.total()

    @property
    def first_undelivered(self) -> int | None:
        """The position of the first undelivered record."""
        try:
            self._first_unsettled = self.outcomes.index(RecordOutcome.UNDELIVERED, self._first_unsettled)
        except ValueError:
            return None
        return self._first_unsettled

    @property
    def settled(self) -> int:
        """The number of records delivered before the first undelivered one. Lambda does not retry these."""
        return self.outcomes[: self.first_undelivered].count(RecordOutcome.DELIVERED)

    @property
    def is_stopped(self) -> bool:
        """True if the dead-letter limit keeps the first record in the stream, which blocks the shard."""
        return self.withheld == 0

    def measure(self, answered: float) -> dict[str, float]:
        """Return the metrics of the batch, by the names of `metrics.METRICS`.

        Args:
            answered: the time of the response, in seconds since the epoch.

        """
        measured: dict[str, float] = {
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
        """Return the response to Lambda."""
        position = self.first_undelivered
        if position is None:
            return {"batchItemFailures": []}
        number = read_identity(self.records[position]).sequence_number
        return {"batchItemFailures": [{"itemIdentifier": number or WHOLE_BATCH}]}
