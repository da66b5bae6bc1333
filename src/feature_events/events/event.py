"""Convert a Change and what its item means to a FeatureAvailabilityEvent.

An event contains nothing from a clock or a random generator: the same Change always produces the same event.
"""

import json
import re
import uuid
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.epoch import to_iso
from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.layouts.features import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change

AVAILABLE = "feature_available"
UNAVAILABLE = "feature_unavailable"
RESOURCE_TYPE = "feature"

_is_hex = re.compile(r"[0-9a-f]{32}").fullmatch
_is_uuid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


class FeatureAvailabilityEvent(NamedTuple):
    """These features of this entity are now available, or no longer. The fields are those of `feature_trigger.avsc`."""

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
    entity_type, entity_id, resource_name, features, updated_at, compute_id, removal = entity
    own = change.event_id
    event = FeatureAvailabilityEvent(
        # DynamoDB's own ids are 32 hexadecimal digits
        f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:]}" if _is_hex(own) else _to_event_id(change),
        UNAVAILABLE if removal else AVAILABLE,
        updated_at or _to_stream_time(change.created_ms),
        entity_type,
        entity_id,
        RESOURCE_TYPE,
        resource_name,
        compute_id,
        features,
    )
    return event if event.event_id else event._replace(event_id=_to_backfill_id(event, change))


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


def _to_backfill_id(event: FeatureAvailabilityEvent, change: Change) -> str:
    """Return a UUID made from the announcement, the table and the event's other fields.

    An item that changes and changes back is announced three times. If the third event had the first one's id, a
    consumer that drops duplicates would end with the second state.

    Raises:
        PoisonRecord: a text in the item is not valid Unicode.

    """
    announced = json.dumps([change.event_id, change.table_arn, *event[1:]], ensure_ascii=False)
    try:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, announced))
    except UnicodeEncodeError:
        raise PoisonRecord("the item is not valid Unicode text") from None


def _to_stream_time(created_ms: int | None) -> str:
    if created_ms is None:
        raise PoisonRecord("neither updated_at nor ApproximateCreationDateTime is a time")
    return to_iso(created_ms)


_OF_IMAGES = frozenset({"changed_features", "removed_features"})


class EventDetails(NamedTuple):
    """How a Change came about. A schema selects these fields by their names; None means unknown."""

    change: str | None
    """`INSERT`, `MODIFY` or `REMOVE`. None for a backfilled event: any number of writes may have led to its item."""
    table: str
    """The name alone; the header `ce_source` contains the ARN."""
    sequence_number: str | None
    """The write's position in the stream, a string of digits. None for a backfilled event."""
    stream_time: int | None
    """When the stream received the write, in milliseconds since the epoch. None if the record does not contain it."""
    changed_features: tuple[str, ...] | None
    """See `FeatureChanges`. None if the record has no readable old image."""
    removed_features: tuple[str, ...] | None
    backfill: bool
    """True for a backfilled event."""
    removal: str | None = None
    """`deleted`, `expired` or `emptied`. None if the features are available."""


ALWAYS_KNOWN = frozenset({"table", "backfill"})
"""The details that are never None."""


def to_details(
    change: Change, entity: EntityFeatures, layouts: TableLayouts, requested: AbstractSet[str]
) -> EventDetails:
    """Return the details of an event.

    Args:
        change: the event's Change.
        entity: what its item means.
        layouts: what its item meant before.
        requested: the names of the details that the schema contains. Images are compared only if one of these needs it.

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
        removal=entity.removal,
    )
