"""Makes the Kafka message of an event: the last pure value before anything leaves the function."""

from typing import NamedTuple

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent, to_epoch_ms
from feature_events.events.headers import Headers
from feature_events.records.change import Change

# The most that Kafka's record format puts before a record's key, value and headers, and what a header takes beside its
# value: its name, and what stands before both (https://kafka.apache.org/documentation/#record)
_MESSAGE_OVERHEAD = 80
_HEADER_OVERHEAD = 24


class Message(NamedTuple):
    """One message, ready to be produced."""

    key: bytes
    """The entity's id in UTF-8: all events of an entity are in one partition, in order."""
    value: bytes
    headers: Headers
    timestamp_ms: int
    """When the change was made, in milliseconds since the epoch."""
    size: int
    """The most bytes that it takes in a record batch, before compression."""


def to_message(event: FeatureAvailabilityEvent, change: Change, value: bytes, headers: Headers) -> Message:
    """The message of this event.

    Raises:
        PoisonRecord: its time is one that Kafka cannot hold.

    """
    timestamp_ms = change.created_ms
    if not timestamp_ms:  # none, or so early that it is rounded to 0
        timestamp_ms = to_epoch_ms(event.timestamp)
        if timestamp_ms <= 0:
            raise PoisonRecord("its only time is before 1970")
    key = event.entity_id.encode()
    headers_size = sum([_HEADER_OVERHEAD + len(text) for _, text in headers])
    return Message(key, value, headers, timestamp_ms, len(key) + len(value) + headers_size + _MESSAGE_OVERHEAD)
