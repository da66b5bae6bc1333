"""Makes the FeatureAvailabilityEvent of a change and of what its item means.

Everything in an event comes from the record, nothing from a clock or a generator: the same change, read again, must
give the same event.
"""

import contextlib
import json
import re
import uuid
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.epoch import to_iso
from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.layouts.features import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change

EVENT_TYPE = "feature_available"
RESOURCE_TYPE = "feature"

_is_hex = re.compile(r"[0-9a-f]{32}").fullmatch
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch

_DATE = len("20251010")
_TO_MILLISECONDS = len("2025-10-10T12:34:56.789")
_is_plain_time = re.compile(
    r"[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}\d*(?:Z|\+00:00)?",
    re.ASCII,
).fullmatch


class FeatureAvailabilityEvent(NamedTuple):
    """These features of this entity are now available; the fields of `feature_trigger.avsc`, in its order."""

    event_id: str
    event_type: str
    timestamp: str
    entity_type: str
    entity_id: str
    resource_type: str
    resource_name: str
    compute_id: str
    features: tuple[str, ...]


def to_event(entity: EntityFeatures, change: Change) -> FeatureAvailabilityEvent:
    """Return the event of this Change.

    Raises:
        PoisonRecord: neither the item nor the record has a time, or a text in them is not valid Unicode.

    """
    entity_type, entity_id, resource_name, features, updated_at, compute_id = entity
    own = change.event_id
    event = FeatureAvailabilityEvent(
        # DynamoDB's own ids are 32 hexadecimal digits
        f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:]}" if _is_hex(own) else _to_event_id(change),
        EVENT_TYPE,
        to_timestamp(updated_at, change.created_ms),
        entity_type,
        entity_id,
        RESOURCE_TYPE,
        resource_name,
        compute_id,
        features,
    )
    return event if event.event_id else event._replace(event_id=_to_state_id(event, change.table_arn))


def _to_event_id(change: Change) -> str:
    """Return the record's own id as UUID text, or else a UUID made from the record's position in the stream.

    Return an empty text for a scanned item.

    Raises:
        PoisonRecord: there is no id, and the stream's ARN is not valid Unicode.

    """
    if change.sequence_number is None:
        return ""
    own = change.event_id.lower()
    if _is_uuid(own):
        return own
    if _is_hex(own):
        return str(uuid.UUID(own))
    try:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{change.source_arn}/{change.sequence_number}"))
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None


def _to_state_id(event: FeatureAvailabilityEvent, table_arn: str) -> str:
    """Return a UUID made from the event's other fields: the same state of an item has the same id in every backfill.

    Raises:
        PoisonRecord: a text in the item is not valid Unicode.

    """
    state = json.dumps([table_arn, *event[1:]], ensure_ascii=False)
    try:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, state))
    except UnicodeEncodeError:
        raise PoisonRecord("the item is not valid Unicode text") from None


def to_timestamp(updated_at: str, created_ms: int | None) -> str:
    """When the features were written, as ISO-8601 in UTC with milliseconds and `Z`.

    The item's own time where it is readable (a time without zone is UTC), else when the stream saw the change. A text
    that is for sure a time of the calendar in UTC, as rows have it, is only cut off: to read it as a time and write it
    again costs four times as much, 9 % of a record's CPU. RFC 3339
    allows a lower-case `z`, which Python does not read: https://www.rfc-editor.org/rfc/rfc3339#section-5.6

    Raises:
        PoisonRecord: neither is there.

    """
    if _is_plain_time(updated_at):
        return updated_at[:_TO_MILLISECONDS] + "Z"
    with_t = updated_at.replace(" ", "T", 1)  # as Python writes a time, and so Feast
    if _is_plain_time(with_t):
        return with_t[:_TO_MILLISECONDS] + "Z"
    if not updated_at.isdecimal() or len(updated_at) == _DATE:  # a longer number would be read as a date before 1800
        with contextlib.suppress(ValueError, OverflowError):  # it is no time
            time = datetime.fromisoformat(updated_at.replace("z", "Z"))
            in_utc = time if time.tzinfo is None else time.astimezone(UTC)
            return in_utc.isoformat(timespec="milliseconds")[:_TO_MILLISECONDS] + "Z"
    if created_ms is None:
        raise PoisonRecord("neither updated_at nor ApproximateCreationDateTime is a time")
    return to_iso(created_ms)


def to_epoch_ms(timestamp: str) -> int:
    """An event's timestamp as milliseconds since the epoch; negative before 1970."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


_OF_IMAGES = frozenset({"changed_features", "removed_features"})


class EventDetails(NamedTuple):
    """How a change came about; the fields' names are those that a schema asks by. None is what is not known."""

    change: str | None
    """`INSERT` or `MODIFY`; None of a backfilled event, whose item may have been written in any number of steps."""
    table: str
    """Its name alone: where an event came from as a whole, the ARN, is the header `ce_source`."""
    sequence_number: str | None
    """The change's place in the stream, a string of digits; None of a backfilled event."""
    stream_time: int | None
    """When the stream saw the change, in milliseconds since the epoch; None where the record does not say."""
    changed_features: tuple[str, ...] | None
    """See `FeatureChanges`; None where the stream carries no old images."""
    removed_features: tuple[str, ...] | None
    backfill: bool
    """Whether a backfill announces the item."""


ALWAYS_KNOWN = frozenset({"table", "backfill"})
"""The details that are never None."""


def to_details(
    change: Change, entity: EntityFeatures, layouts: TableLayouts, requested: AbstractSet[str]
) -> EventDetails:
    """Return the details of an event.

    Args:
        change: the event's Change.
        entity: what its item means.
        layouts: these say what its item meant before.
        requested: the names of the details that the schema has. Images are compared only if one of these needs it.

    """
    table = to_table_name(change.table_arn)
    if change.sequence_number is None:
        return EventDetails(None, table, None, None, None, None, backfill=True)
    changes = read_feature_changes(change, entity.features, layouts) if requested & _OF_IMAGES else None
    return EventDetails(
        change.kind,
        table,
        change.sequence_number,
        change.created_ms,
        changes and changes.changed,
        changes and changes.removed,
        backfill=False,
    )
