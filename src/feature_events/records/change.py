"""Convert stream records and scanned items to Changes.

The envelope of a stream record is validated here, once. The rest of the pipeline can rely on a Change.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

import base64
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from feature_events.aws.arn import to_table_arn
from feature_events.epoch import LATEST_MS
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.records.stream_record import StreamRecord, read_identity

WITHOUT_NEW_IMAGES = ("KEYS_ONLY", "OLD_IMAGE")
"""The view types whose records contain no new image, so that they produce no events."""


def new_images_error(view: str) -> Misconfigured:
    """Return the error of a stream with one of these view types."""
    return Misconfigured(
        f"the table's stream has view type {view}, which contains no new images: "
        "set StreamViewType to NEW_AND_OLD_IMAGES or NEW_IMAGE"
    )


def old_images_error() -> Misconfigured:
    """Return the error of a stream without old images under `FEATURES_MODE=changed`."""
    return Misconfigured(
        "FeaturesMode (FEATURES_MODE) is changed, which needs the old image of each MODIFY: "
        "set StreamViewType to NEW_AND_OLD_IMAGES, or FeaturesMode to all"
    )


type Item = Mapping[str, Any]
"""Attributes by name, in DynamoDB's JSON: `{"S": "text"}`, `{"N": "1"}`, `{"M": {...}}` and so on."""

type Kind = Literal["INSERT", "MODIFY", "REMOVE"]

_KINDS = ("INSERT", "MODIFY", "REMOVE")
_NUMBERS = (int, float)
_LATEST = LATEST_MS / 1000
_find_table_arn = lru_cache(64)(to_table_arn)  # one function serves a few tables


class Skipped(StrEnum):
    """The reason why a record produces no event."""

    REMOVE = "remove"
    NO_FEATURES = "no_features"
    OTHER_ITEM = "other_item"
    UNCHANGED = "unchanged"


class Change(NamedTuple):
    """A write of an item, from a stream record; or the state of an item, from a backfill's scan."""

    source_arn: str
    """The ARN of the stream, or of the table that was scanned."""
    table_arn: str
    sequence_number: str | None
    """The write's position in the stream, a string of digits; None if the item was scanned."""
    event_id: str
    """The record's own id, in any form, or an empty text. For a scanned item, the announcement."""
    kind: Kind | None
    """None if the item was scanned: any number of writes may have led to its state."""
    keys: Item
    new_image: Item
    """The item after the write; empty for a REMOVE."""
    old_image: Item | None
    """The item before the write; None if there was none, or if the stream does not carry it."""
    created_ms: int | None
    """When the stream received the write, or the second in which the backfill started, in milliseconds since the epoch.

    None if the record does not contain a time.
    """
    is_expired: bool = False
    """True for a REMOVE by DynamoDB's time to live."""


def read_change(record: StreamRecord, *, skips_removes: bool = True) -> Change | Skipped:
    """Convert a stream record to a Change.

    Args:
        record: the record.
        skips_removes: whether to skip a REMOVE without reading it.

    Raises:
        PoisonRecord: the record does not have the form that DynamoDB Streams documents.
        Misconfigured: the stream's records contain no new images.

    """
    try:
        kind = record["eventName"]
        is_remove = kind == "REMOVE"
        if is_remove and skips_removes:
            return Skipped.REMOVE
        stream_arn, body = record["eventSourceARN"], record["dynamodb"]
        number, keys, new_image = body["SequenceNumber"], body["Keys"], {} if is_remove else body["NewImage"]
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
    own_id = event_id if type(event_id) is str else ""
    old_image = body.get("OldImage")
    old_image = old_image if type(old_image) is dict else None
    table_arn = _find_table_arn(stream_arn)
    is_expired = is_remove and _is_by_time_to_live(record)
    return Change(stream_arn, table_arn, number, own_id, kind, keys, new_image, old_image, created_ms, is_expired)


def _is_by_time_to_live(record: StreamRecord) -> bool:
    """Return whether DynamoDB removed an expired item. A replica of a global table does not show it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
    """
    identity = record.get("userIdentity")
    by_service = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return type(identity) is dict and identity.items() >= by_service.items()


def _explain(record: StreamRecord) -> Exception:  # noqa: PLR0911  # one return for each defect
    """Return why a record is not a Change: the stream's view type, or the first defect from the outside in."""
    if type(record) is not dict:
        return PoisonRecord("the record is not an object")
    kind = record.get("eventName")
    if kind not in _KINDS:
        return PoisonRecord("eventName is neither INSERT, MODIFY nor REMOVE")
    body = record.get("dynamodb")
    if type(body) is not dict:
        return PoisonRecord("dynamodb is not an object")
    view = body.get("StreamViewType")
    required = ("Keys",) if kind == "REMOVE" else ("NewImage", "Keys")
    if type(body.get(required[0])) is not dict and view in WITHOUT_NEW_IMAGES:
        return new_images_error(view)
    for name in required:
        if type(body.get(name)) is not dict:
            return PoisonRecord(f"dynamodb.{name} is not an object")
    if read_identity(record).sequence_number is None:
        return PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    return PoisonRecord("eventSourceARN is not an ARN")


def read_scanned_item(
    item: Item, table_arn: str, key_names: Sequence[str], started_ms: int, announcement: str
) -> Change:
    """Convert a scanned item to a Change.

    Args:
        item: the item from boto3, with bytes where a stream record has base64.
        table_arn: the ARN of its table.
        key_names: the names of the table's key attributes.
        started_ms: when the backfill started, in milliseconds since the epoch.
        announcement: identifies this announcement among all of the item. It must not be 32 hexadecimal digits.

    """
    keys = to_record_keys({name: item[name] for name in key_names})
    created_ms = started_ms - started_ms % 1_000  # DynamoDB rounds stream times down, too
    return Change(table_arn, table_arn, None, announcement, None, keys, {**item, **keys}, None, created_ms)


def to_record_keys(keys: Item) -> Item:
    """Convert an item's keys from boto3 to those of a stream record, where binary is base64."""
    return {
        name: {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value for name, value in keys.items()
    }


def to_request_keys(keys: Item) -> Item:
    """Convert a record's keys to those of a request by boto3, where binary is bytes.

    Raises:
        ValueError: binary is not base64.
        TypeError: binary is not text.

    """
    return {
        name: {"B": base64.b64decode(value["B"], validate=True)} if "B" in value else value
        for name, value in keys.items()
    }
