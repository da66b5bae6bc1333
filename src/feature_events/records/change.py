"""Reads a DynamoDB stream record into a Change.

A stream record is somebody else's JSON: everything that can be wrong with its envelope is found here, once, so that
the rest of the line works on values it can trust.

The record's shape: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, cast

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.records.position import StreamRecord, read_position

type Item = Mapping[str, Any]
"""Attributes by name, each in DynamoDB's JSON: `{"S": "text"}`, `{"N": "1"}`, `{"M": {...}}` and so on."""

_KINDS = ("INSERT", "MODIFY")

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest time that ISO-8601 text can name."""

_LATEST = LATEST_MS / 1000
_NUMBERS = (int, float)

# Several values at once, in one call
_read_envelope = itemgetter("eventName", "eventID", "eventSourceARN", "dynamodb")
_read_body = itemgetter("SequenceNumber", "Keys", "NewImage", "ApproximateCreationDateTime")


class Skipped(StrEnum):
    """Why a record rightly gives no event."""

    REMOVE = "remove"
    NO_FEATURES = "no_features"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """One INSERT or MODIFY of one item."""

    sequence_number: str
    event_id: Any
    """As it came; it need not be text."""
    stream_arn: str
    keys: Item
    new_image: Item
    created_ms: int | None
    record: StreamRecord
    """What it was read from, for what is seldom asked for."""

    @property
    def is_insert(self) -> bool:
        """Whether the item is a new one."""
        return bool(self.record["eventName"] == "INSERT")

    @property
    def old_image(self) -> Item | None:
        """The item as it was before; None where there was none, or the stream does not carry it."""
        image = self.record["dynamodb"].get("OldImage")
        return image if type(image) is dict else None


# What Change(...) does, less a call in Python
_to_change = cast("Callable[[tuple[object, ...]], Change]", partial(tuple.__new__, Change))


def read_change(record: StreamRecord) -> Change | Skipped:
    """Reads one stream record.

    Raises:
        PoisonRecord: the record is not what DynamoDB Streams documents.
        Misconfigured: the stream carries no new images.

    """
    try:
        kind, event_id, stream_arn, body = _read_envelope(record)
        number, keys, new_image, created = _read_body(body)
        # Only JSON's own types occur, so a class tells all, and what only text can do tells the rest
        if (
            kind in _KINDS
            and keys.__class__ is dict
            and new_image.__class__ is dict
            and stream_arn.startswith("arn:")
            and number.isascii()
            and number.isdecimal()
        ):
            # NaN fails both comparisons
            in_time = created.__class__ in _NUMBERS and 0 < created <= _LATEST
            created_ms = round(created * 1000) if in_time else None
            return _to_change((number, event_id, stream_arn, keys, new_image, created_ms, record))
    except (KeyError, TypeError, AttributeError):
        pass
    return _read_odd_record(record)


def _read_odd_record(record: StreamRecord) -> Change | Skipped:
    """What `read_change` gives of a record that is no write, or lacks something that DynamoDB seldom leaves out."""
    if type(record) is dict:
        if record.get("eventName") == "REMOVE":
            return Skipped.REMOVE
        body = record.get("dynamodb")
        if type(body) is dict and not ("eventID" in record and "ApproximateCreationDateTime" in body):
            body = {"ApproximateCreationDateTime": None, **body}
            return read_change({"eventID": None, **record, "dynamodb": body})
    raise _explain(record)


def _explain(record: StreamRecord) -> Exception:  # noqa: PLR0911  # one for each defect
    """Why this record is no Change: the stream's setting, or the record's own defect, the first from outside in."""
    if type(record) is not dict:
        return PoisonRecord("the record is not an object")
    if record.get("eventName") not in _KINDS:
        return PoisonRecord("eventName is neither INSERT, MODIFY nor REMOVE")
    body = record.get("dynamodb")
    if type(body) is not dict:
        return PoisonRecord("dynamodb is not an object")
    view = body.get("StreamViewType")
    if type(body.get("NewImage")) is not dict and view in ("KEYS_ONLY", "OLD_IMAGE"):
        return Misconfigured(
            f"the table's stream has view type {view}, which carries no new images: "
            "set StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES"
        )
    for name in ("NewImage", "Keys"):
        if type(body.get(name)) is not dict:
            return PoisonRecord(f"dynamodb.{name} is not an object")
    if read_position(record).sequence_number is None:
        return PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    return PoisonRecord("eventSourceARN is not an ARN")
