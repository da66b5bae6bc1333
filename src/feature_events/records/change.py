"""Reads a DynamoDB stream record into a Change.

A stream record is somebody else's JSON: everything that can be wrong with its envelope is found here, once, so that
the rest of the pipeline works on values it can trust.

The record's shape: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from feature_events.epoch import LATEST_MS
from feature_events.errors import PoisonRecord
from feature_events.records.position import StreamRecord, read_position
from feature_events.records.stream import WITHOUT_NEW_IMAGES, Stream, to_new_images_error, to_stream

type Item = Mapping[str, Any]
"""Attributes by name, each in DynamoDB's JSON: `{"S": "text"}`, `{"N": "1"}`, `{"M": {...}}` and so on."""

_KINDS = ("INSERT", "MODIFY")
_NUMBERS = (int, float)
_LATEST = LATEST_MS / 1000


class Skipped(StrEnum):
    """Why a record rightly gives no event."""

    REMOVE = "remove"
    NO_FEATURES = "no_features"
    OTHER_ITEM = "other_item"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """One INSERT or MODIFY of one item."""

    stream: Stream
    sequence_number: str
    """A string of digits."""
    event_id: str
    """As it came; empty where it is absent or no text."""
    keys: Item
    new_image: Item
    created_ms: int | None
    """When the stream saw the change, in milliseconds since the epoch; None where it does not say."""
    raw: StreamRecord
    """What it was read from, for what is seldom asked for."""

    @property
    def is_insert(self) -> bool:
        """Whether the item is a new one."""
        return bool(self.raw["eventName"] == "INSERT")

    @property
    def old_image(self) -> Item | None:
        """The item as it was before; None where there was none, or the stream does not carry it."""
        image = self.raw["dynamodb"].get("OldImage")
        return image if type(image) is dict else None


def read_change(record: StreamRecord) -> Change | Skipped:
    """Reads one stream record.

    Raises:
        PoisonRecord: the record is not what DynamoDB Streams documents.
        Misconfigured: the stream carries no new images.

    """
    try:
        kind = record["eventName"]
        if kind == "REMOVE":
            return Skipped.REMOVE
        stream_arn, body = record["eventSourceARN"], record["dynamodb"]
        number, keys, new_image = body["SequenceNumber"], body["Keys"], body["NewImage"]
        is_change = (
            kind in _KINDS
            and type(keys) is type(new_image) is dict
            and stream_arn.startswith("arn:")
            and number.isascii()
            and number.isdecimal()
        )
    except (KeyError, TypeError, AttributeError):
        is_change = False
    if not is_change:
        raise _explain(record)
    event_id, created = record.get("eventID"), body.get("ApproximateCreationDateTime")
    is_time = type(created) in _NUMBERS and 0 < created <= _LATEST  # NaN fails both comparisons
    created_ms = round(created * 1000) if is_time else None
    text = event_id if type(event_id) is str else ""
    return Change(to_stream(stream_arn), number, text, keys, new_image, created_ms, record)


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
    if type(body.get("NewImage")) is not dict and view in WITHOUT_NEW_IMAGES:
        return to_new_images_error(view)
    for name in ("NewImage", "Keys"):
        if type(body.get(name)) is not dict:
            return PoisonRecord(f"dynamodb.{name} is not an object")
    if read_position(record).sequence_number is None:
        return PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    return PoisonRecord("eventSourceARN is not an ARN")
