"""Makes the FeatureAvailabilityEvent that a Change gives.

Everything in an event comes from the record, nothing from a clock or a generator: the same change, delivered again,
must give the same event.
"""

import re
import struct
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.table_layout import TableLayout, read_key, read_map
from feature_events.records.change import LATEST_MS, Change, Item, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable

type FeaturesMode = Literal["all", "changed"]
"""Which features of a written item an event names: every one, or those whose value changed."""

EVENT_TYPE = "feature_available"
RESOURCE_TYPE = "feature"

_TO_MILLISECONDS = len("2025-10-10T12:34:56.789")

# A time as rows have it, and for sure in the calendar: cut off, it is an event's. Any other is read and written anew,
# which costs five times as much
_PLAIN_TIME = re.compile(
    r"[1-9]\d{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}\d*(?:Z|\+00:00)?",
    re.ASCII,
).fullmatch

_HEX_DIGITS = b"0123456789abcdef"
_split_uuid = struct.Struct("8s4s4s4s12s").unpack
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


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


# What FeatureAvailabilityEvent(...) does, less a call in Python
_to_tuple = cast(
    "Callable[[tuple[object, ...]], FeatureAvailabilityEvent]", partial(tuple.__new__, FeatureAvailabilityEvent)
)


def to_event(change: Change, layout: TableLayout, mode: FeaturesMode) -> FeatureAvailabilityEvent | Skipped:
    """The event of this change, or why there is none.

    Raises:
        PoisonRecord: the item is not as the layout says.
        Misconfigured: `changed` is asked for and the stream carries no old images.

    """
    item = change.new_image
    data = read_map(item, layout.features)
    if not data:
        return Skipped.NO_FEATURES
    if mode == "all" or change.is_insert:
        features = (*data,)
    else:
        features = _changed_features(change, data, layout)
        if not features:
            return Skipped.UNCHANGED
    metadata = read_map(item, layout.metadata)
    if metadata is None:
        metadata = read_map(item, layout.older_metadata) or {}
    entity_type, entity_id, resource_name = _read_keys(change.keys, layout)
    return _to_tuple(
        (
            to_event_id(change),
            EVENT_TYPE,
            to_timestamp(metadata.get(layout.updated_at), change.created_ms),
            entity_type,
            entity_id,
            RESOURCE_TYPE,
            resource_name,
            read_compute_id(metadata.get(layout.compute_id)),
            features,
        )
    )


def to_event_id(change: Change) -> str:
    """The stream record's own id as UUID text; where it is none, a UUID made from the record's place in the stream."""
    try:
        text = change.event_id.encode()
        if not text.translate(None, _HEX_DIGITS):  # twice as fast as a pattern
            return b"-".join(_split_uuid(text)).decode()
    except (AttributeError, UnicodeEncodeError, struct.error):
        pass  # no text of 32 hexadecimal digits
    return _to_odd_event_id(change)


def _to_odd_event_id(change: Change) -> str:
    """What `to_event_id` gives where DynamoDB's own form of an id is not there."""
    text = change.event_id if type(change.event_id) is str else ""
    if _UUID(text):
        return text.lower()
    if text != text.lower():
        return to_event_id(change._replace(event_id=text.lower()))
    try:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{change.stream_arn}/{change.sequence_number}"))
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None


def to_timestamp(updated_at: Any, created_ms: int | None) -> str:  # noqa: ANN401  # anything a record may hold
    """When the features were written, as ISO-8601 in UTC with milliseconds and `Z`.

    The item's own time where it is readable (a time without zone is UTC), else when the stream saw the change.

    Raises:
        PoisonRecord: neither is there.

    """
    try:
        text = updated_at["S"]
        if _PLAIN_TIME(text):
            return text[:_TO_MILLISECONDS] + "Z"  # type: ignore[no-any-return]  # the pattern takes nothing but text
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None and time.tzinfo is not UTC:
            time = time.astimezone(UTC)
        return time.isoformat(timespec="milliseconds")[:_TO_MILLISECONDS] + "Z"
    except (KeyError, TypeError, ValueError, OverflowError):
        pass  # no text, or no time
    if created_ms is None:
        raise PoisonRecord("neither updated_at nor ApproximateCreationDateTime is a time")
    return _to_iso(created_ms)


def to_epoch_ms(timestamp: str) -> int:
    """An event's timestamp as milliseconds since the epoch; negative before 1970."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def read_compute_id(value: Any) -> str:  # noqa: ANN401  # anything a record may hold
    """The compute id as stored; empty where it is absent, NULL or the text `None` (which older writers left).

    Raises:
        PoisonRecord: it is neither text nor a number.

    """
    try:
        text = value["S"]
    except (KeyError, TypeError):
        text = value.get("N") if type(value) is dict else None
    if text.__class__ is str:
        return "" if text == "None" else text
    if value is None or (type(value) is dict and "NULL" in value):
        return ""
    raise PoisonRecord("compute_id is neither a string, a number nor NULL")


def _read_keys(keys: Item, layout: TableLayout) -> tuple[str, str, str]:
    """The entity's type and id, and the resource's name."""
    resource_key = layout.resource_key
    entity_type, other = keys if len(keys) == 2 else ("", "")  # noqa: PLR2004  # partition key and sort key
    if other != resource_key:
        entity_type, other = other, entity_type
    if other != resource_key:
        raise PoisonRecord(f"the item has not two key attributes of which one is {resource_key}")
    try:
        entity_id, resource_name = keys[entity_type]["S"], keys[resource_key]["S"]
        if entity_id > "" < resource_name:  # only a text can be compared with one
            return entity_type, entity_id, resource_name
    except (KeyError, TypeError):
        pass
    return entity_type, read_key(entity_type, keys[entity_type]), read_key(resource_key, keys[resource_key])


def _changed_features(change: Change, data: Item, layout: TableLayout) -> tuple[str, ...]:
    """The features whose stored value is not what the old image has."""
    if change.old_image is None:
        raise Misconfigured(
            "FEATURES_MODE is changed, which needs the old image of each MODIFY: "
            "set the stream's StreamViewType to NEW_AND_OLD_IMAGES, or FEATURES_MODE to all"
        )
    try:
        old = read_map(change.old_image, layout.features) or {}
    except PoisonRecord:
        old = {}  # the item was not of this layout before: all of it is new
    return tuple(name for name, value in data.items() if value != old.get(name))


def _to_iso(epoch_ms: int) -> str:
    """Milliseconds since the epoch as ISO-8601 text, without a float in between."""
    seconds, milliseconds = divmod(min(epoch_ms, LATEST_MS), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()}.{milliseconds:03}Z"
