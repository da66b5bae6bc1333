"""Identify a stream record, even if the rest of it is unreadable.

Log messages, the keys of dead letters and the response to Lambda name a record by its identity.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.epoch import LATEST_MS

type StreamRecord = Mapping[str, Any]
"""An element of the `Records` that Lambda passes."""


class RecordIdentity(NamedTuple):
    """The identity of a record. Each part is None if it is missing or invalid."""

    table: str | None
    sequence_number: str | None
    """A string of digits. Lambda identifies the record by it."""
    event_id: str | None


def read_identity(record: StreamRecord) -> RecordIdentity:
    """Return the identity of anything that Lambda passes as a record."""
    if type(record) is not dict:
        return RecordIdentity(None, None, None)
    arn, event_id, body = record.get("eventSourceARN"), record.get("eventID"), record.get("dynamodb")
    number = body.get("SequenceNumber") if type(body) is dict else None
    is_number = type(number) is str and number.isascii() and number.isdecimal()
    return RecordIdentity(
        table=(to_table_name(arn) if type(arn) is str else "") or None,
        sequence_number=number if is_number else None,
        event_id=event_id if type(event_id) is str else None,
    )


def read_table(records: Sequence[StreamRecord]) -> str | None:
    """Return the table's name, from the first record whose ARN is readable."""
    return next(filter(None, (read_identity(record).table for record in records)), None)


def read_oldest_ms(records: Sequence[StreamRecord]) -> float | None:
    """Return the stream time of the first record that has one, in milliseconds since the epoch."""
    for record in records:
        body = record.get("dynamodb") if type(record) is dict else None
        created: Any = body.get("ApproximateCreationDateTime") if type(body) is dict else None
        if type(created) in (int, float) and 0 < created * 1000 <= LATEST_MS:  # NaN fails both comparisons
            return float(created * 1000)
    return None
