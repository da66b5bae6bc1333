"""Reads a DynamoDB stream record into a Change.

A stream record is somebody else's JSON: everything that can be wrong with its envelope is found here, once, so that
the rest of the line works on values it can trust.

The record's shape: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeIs

from feature_events.errors import Misconfigured, PoisonRecord

type StreamRecord = Mapping[str, Any]
"""One element of the event's `Records`, as Lambda hands it over."""

type Item = Mapping[str, Any]
"""Attributes by name, each in DynamoDB's JSON: `{"S": "text"}`, `{"N": "1"}`, `{"M": {...}}` and so on."""

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest time that ISO-8601 text can name."""


class Skipped(StrEnum):
    """Why a record rightly gives no event."""

    REMOVE = "remove"
    NO_FEATURES = "no_features"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """One INSERT or MODIFY of one item."""

    sequence_number: str
    kind: str
    event_id: str
    stream_arn: str
    keys: Item
    new_image: Item
    old_image: Item | None
    created_ms: int | None

    @property
    def table_arn(self) -> str:
        """The table's ARN, which the stream's begins with."""
        return self.stream_arn.partition("/stream/")[0]


def read_change(record: StreamRecord) -> Change | Skipped:
    """Reads one stream record.

    Raises:
        PoisonRecord: the record is not what DynamoDB Streams documents.
        Misconfigured: the stream carries no new images.

    """
    if type(record) is not dict:
        raise PoisonRecord("the record is not an object")
    kind = record.get("eventName")
    if kind == "REMOVE":
        return Skipped.REMOVE
    if kind not in ("INSERT", "MODIFY"):
        raise PoisonRecord("eventName is neither INSERT, MODIFY nor REMOVE")
    body = record.get("dynamodb")
    if type(body) is not dict:
        raise PoisonRecord("dynamodb is not an object")
    new_image = body.get("NewImage")
    if type(new_image) is not dict:
        raise _without_new_image(body)
    keys = body.get("Keys")
    if type(keys) is not dict:
        raise PoisonRecord("dynamodb.Keys is not an object")
    sequence_number = body.get("SequenceNumber")
    if not is_sequence_number(sequence_number):
        raise PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    stream_arn = record.get("eventSourceARN")
    if type(stream_arn) is not str or not stream_arn.startswith("arn:"):
        raise PoisonRecord("eventSourceARN is not an ARN")
    event_id = record.get("eventID")
    old_image = body.get("OldImage")
    return Change(
        sequence_number,
        kind,
        event_id if type(event_id) is str else "",
        stream_arn,
        keys,
        new_image,
        old_image if type(old_image) is dict else None,
        _to_milliseconds(body.get("ApproximateCreationDateTime")),
    )


def is_sequence_number(value: object) -> TypeIs[str]:
    """Whether this is a stream's sequence number: a string of decimal digits."""
    return isinstance(value, str) and value.isascii() and value.isdigit()


def read_sequence_number(record: StreamRecord) -> str | None:
    """The number that Lambda knows this record by, also where the rest of the record is unreadable."""
    body = record.get("dynamodb") if type(record) is dict else None
    number = body.get("SequenceNumber") if type(body) is dict else None
    return number if is_sequence_number(number) else None


def read_table_name(record: StreamRecord) -> str | None:
    """The table's name, also where the rest of the record is unreadable."""
    arn = record.get("eventSourceARN") if type(record) is dict else None
    name = arn.partition(":table/")[2].partition("/")[0] if type(arn) is str else ""
    return name or None


def _without_new_image(body: Mapping[str, Any]) -> Exception:
    """The error for a record without its new image: the stream's setting, or this record's own defect."""
    view = body.get("StreamViewType")
    if view in ("KEYS_ONLY", "OLD_IMAGE"):
        return Misconfigured(
            f"the table's stream has view type {view}, which carries no new images: "
            "set StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES"
        )
    return PoisonRecord("dynamodb.NewImage is not an object")


def _to_milliseconds(seconds: object) -> int | None:
    """Seconds since the epoch as milliseconds; None where that is no time between 1970 and 9999."""
    if type(seconds) is not int and type(seconds) is not float:
        return None
    # NaN fails both comparisons
    return round(seconds * 1000) if 0 < seconds <= LATEST_MS / 1000 else None
