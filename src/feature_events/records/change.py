"""Reads a DynamoDB stream record into a Change.

A stream record is somebody else's JSON: everything that can be wrong with its envelope is found here, once, so that
the rest of the pipeline works on values it can trust.

The record's shape: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

import base64
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from feature_events.aws.arn import to_table_arn
from feature_events.epoch import LATEST_MS
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.records.stream_record import StreamRecord, read_identity

_STREAMS_KEPT = 64  # one function serves a few tables

WITHOUT_NEW_IMAGES = ("KEYS_ONLY", "OLD_IMAGE")
"""View types of streams that no event can be made from."""


class Stream(NamedTuple):
    """A DynamoDB stream, by its ARN."""

    arn: str
    table_arn: str


@lru_cache(_STREAMS_KEPT)
def read_stream(arn: str) -> Stream:
    """The stream of this ARN."""
    return Stream(arn, to_table_arn(arn))


def new_images_error(view: str) -> Misconfigured:
    """What to change where a stream has one of the view types without new images."""
    return Misconfigured(
        f"the table's stream has view type {view}, which carries no new images: "
        "set StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES"
    )


def old_images_error() -> Misconfigured:
    """What to change where a stream carries no old images and only changed features are to be named."""
    return Misconfigured(
        "FEATURES_MODE is changed, which needs the old image of each MODIFY: "
        "set the stream's StreamViewType to NEW_AND_OLD_IMAGES, or FEATURES_MODE to all"
    )


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
    return Change(read_stream(stream_arn), number, text, keys, new_image, created_ms, record)


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
        return new_images_error(view)
    for name in ("NewImage", "Keys"):
        if type(body.get(name)) is not dict:
            return PoisonRecord(f"dynamodb.{name} is not an object")
    if read_identity(record).sequence_number is None:
        return PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    return PoisonRecord("eventSourceARN is not an ARN")


_INSERTED = {"eventName": "INSERT", "dynamodb": {}}


def to_change(item: Item, table_arn: str, key_names: Sequence[str], as_of_ms: int) -> Change:
    """The change that an item stands for.

    Args:
        item: as boto3 gives it, with bytes where a record has base64.
        table_arn: of its table.
        key_names: of its table's key attributes.
        as_of_ms: what its time is where it has none of its own, in milliseconds since the epoch.

    """
    keys = {name: _to_key(item[name]) for name in key_names}
    return Change(Stream(table_arn, table_arn), "", "", keys, {**item, **keys}, as_of_ms, _INSERTED)


def _to_key(value: Item) -> Item:
    """A key as a record has it: binary is base64 there."""
    return {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
