"""Makes the event and the message of a change that a backfill read from the table.

Its id is made of what it says: the same state of an item is the same event, whichever run announces it.
"""

import json
import uuid

from feature_events.aws.arn import to_table_name
from feature_events.errors import PoisonRecord
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent, to_event
from feature_events.events.message import Headers, to_headers
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.records.change import Change

_BACKFILL = ("ce_backfill", b"true")


def to_backfilled_event(entity: EntityFeatures, change: Change) -> FeatureAvailabilityEvent:
    """The event of an item that a scan read.

    Raises:
        PoisonRecord: it holds what is not valid Unicode.

    """
    event = to_event(entity, change)
    said = json.dumps([change.stream.table_arn, *event[1:]], ensure_ascii=False)
    try:
        return event._replace(event_id=str(uuid.uuid5(uuid.NAMESPACE_URL, said)))
    except UnicodeEncodeError:
        raise PoisonRecord("the item is not valid Unicode text") from None


def to_backfilled_details(change: Change) -> EventDetails:
    """What a schema may ask for beyond such an event: a scan saw neither a change nor a stream."""
    return EventDetails(None, to_table_name(change.stream.table_arn), None, None, None, None, backfill=True)


def to_backfilled_headers(event: FeatureAvailabilityEvent, change: Change) -> Headers:
    """The headers of such an event: it has no place in a stream, and says so."""
    return [*[header for header in to_headers(event, change) if header[0] != "ce_sequence"], _BACKFILL]
