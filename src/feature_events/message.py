"""Makes the Kafka message of an event: the last pure value before anything leaves the function.

The headers are CloudEvents' Kafka binding in binary mode, so that a consumer can route and filter without decoding.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from typing import Literal, NamedTuple

from feature_events.change import Change
from feature_events.codec import Codec
from feature_events.errors import PoisonRecord
from feature_events.event import FeatureAvailabilityEvent, to_epoch_ms

type HeadersMode = Literal["cloudevents", "none"]
type Headers = list[tuple[str, bytes]]

CLOUDEVENT_TYPE = b"com.featurestore.events.feature_available"
CONTENT_TYPE = b"application/avro"


class Message(NamedTuple):
    """One message, ready to be produced."""

    key: bytes
    """The entity's id in UTF-8: all events of an entity are in one partition, in order."""
    value: bytes
    headers: Headers
    timestamp_ms: int
    """When the change was made, in milliseconds since the epoch."""


def to_message(event: FeatureAvailabilityEvent, change: Change, codec: Codec, headers: HeadersMode) -> Message:
    """The message of this event.

    Raises:
        PoisonRecord: a text in it is not valid Unicode, or its time is one that Kafka cannot hold.

    """
    value = codec.encode(event)
    timestamp_ms = change.created_ms or to_epoch_ms(event.timestamp)
    if timestamp_ms <= 0:
        raise PoisonRecord("its only time is before 1970")
    return Message(
        event.entity_id.encode(),
        value,
        _to_headers(event, change) if headers == "cloudevents" else [],
        timestamp_ms,
    )


def _to_headers(event: FeatureAvailabilityEvent, change: Change) -> Headers:
    try:
        source = change.table_arn.encode()
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_source", source),
        ("ce_type", CLOUDEVENT_TYPE),
        ("ce_time", event.timestamp.encode()),
        ("ce_subject", f"{event.entity_type}/{event.entity_id}".encode()),
        ("ce_sequence", change.sequence_number.encode()),
        ("content-type", CONTENT_TYPE),
    ]
