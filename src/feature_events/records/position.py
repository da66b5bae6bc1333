"""Says which record it is, for messages, keys and Lambda's answer, also where the rest of it is unreadable."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from feature_events.aws.arn import to_table_name

type StreamRecord = Mapping[str, Any]
"""One element of the event's `Records`, as Lambda hands it over."""


class Position(NamedTuple):
    """Where a record is; each part is None where the record does not say."""

    table: str | None
    sequence_number: str | None
    """A string of digits: the number that Lambda knows the record by."""
    event_id: str | None


def read_position(record: StreamRecord) -> Position:
    """Which record this is, whatever it holds."""
    if type(record) is not dict:
        return Position(None, None, None)
    arn, event_id, body = record.get("eventSourceARN"), record.get("eventID"), record.get("dynamodb")
    number = body.get("SequenceNumber") if type(body) is dict else None
    is_number = type(number) is str and number.isascii() and number.isdecimal()
    return Position(
        table=(to_table_name(arn) if type(arn) is str else "") or None,
        sequence_number=number if is_number else None,
        event_id=event_id if type(event_id) is str else None,
    )
