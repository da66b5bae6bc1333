"""Reads a DynamoDB stream record into a Change.

A stream record is somebody else's JSON: everything that can be wrong with its envelope is found here, once, so that
the rest of the line works on values it can trust.

The record's shape: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, cast

from feature_events.errors import Misconfigured, PoisonRecord

type StreamRecord = Mapping[str, Any]
"""One element of the event's `Records`, as Lambda hands it over."""

type Item = Mapping[str, Any]
"""Attributes by name, each in DynamoDB's JSON: `{"S": "text"}`, `{"N": "1"}`, `{"M": {...}}` and so on."""

_KINDS = ("INSERT", "MODIFY")
_DIGITS = re.compile(r"[0-9]+").fullmatch

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


# What Change(...) does, less a call in Python
_to_change = cast("Callable[[tuple[object, ...]], Change]", partial(tuple.__new__, Change))


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
        event_id, stream_arn = record.get("eventID"), record["eventSourceARN"]
        body = record["dynamodb"]
        number, keys, new_image = body["SequenceNumber"], body["Keys"], body["NewImage"]
        old_image, created = body.get("OldImage"), body.get("ApproximateCreationDateTime")
    except (KeyError, TypeError, AttributeError):
        raise _explain(record) from None
    # Only JSON's own types occur, so a class tells all, and costs no call
    if (
        kind not in _KINDS
        or keys.__class__ is not dict
        or new_image.__class__ is not dict
        or stream_arn.__class__ is not str
        or stream_arn[:4] != "arn:"
        or number.__class__ is not str
        or not _DIGITS(number)
    ):
        raise _explain(record)
    return _to_change(
        (
            number,
            kind,
            event_id if event_id.__class__ is str else "",
            stream_arn,
            keys,
            new_image,
            old_image if old_image.__class__ is dict else None,
            created * 1000
            if created.__class__ is int and 0 < created < LATEST_MS // 1000
            else _to_milliseconds(created),
        )
    )


def read_sequence_number(record: StreamRecord) -> str | None:
    """The number that Lambda knows this record by, also where the rest of the record is unreadable."""
    body = record.get("dynamodb") if type(record) is dict else None
    number = body.get("SequenceNumber") if type(body) is dict else None
    return number if type(number) is str and _DIGITS(number) else None


def read_table_name(record: StreamRecord) -> str | None:
    """The table's name, also where the rest of the record is unreadable."""
    arn = record.get("eventSourceARN") if type(record) is dict else None
    name = arn.partition(":table/")[2].partition("/")[0] if type(arn) is str else ""
    return name or None


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
    if read_sequence_number(record) is None:
        return PoisonRecord("dynamodb.SequenceNumber is not a string of digits")
    return PoisonRecord("eventSourceARN is not an ARN")


def _to_milliseconds(seconds: object) -> int | None:
    """Seconds since the epoch as milliseconds; None where that is no time between 1970 and 9999."""
    if type(seconds) is not int and type(seconds) is not float:
        return None
    # NaN fails both comparisons
    return round(seconds * 1000) if 0 < seconds <= LATEST_MS / 1000 else None
