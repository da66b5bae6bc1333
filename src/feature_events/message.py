"""Makes the Kafka message of an event: the last pure value before anything leaves the function.

The headers are CloudEvents' Kafka binding in binary mode, so that a consumer can route and filter without decoding.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from feature_events.change import Change
from feature_events.codec import Codec
from feature_events.errors import PoisonRecord
from feature_events.event import FeatureAvailabilityEvent, to_epoch_ms

if TYPE_CHECKING:
    from collections.abc import Callable

type HeadersMode = Literal["cloudevents", "none"]
type Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
_TYPE = ("ce_type", b"com.featurestore.events.feature_available")
_CONTENT_TYPE = ("content-type", b"application/avro")
_SOURCES_KEPT = 64

# The most that stands before a record's key, value and headers, and before a header's name and value
_MESSAGE_OVERHEAD = 80
_HEADER_OVERHEAD = 10


class Message(NamedTuple):
    """One message, ready to be produced."""

    key: bytes
    """The entity's id in UTF-8: all events of an entity are in one partition, in order."""
    value: bytes
    headers: Headers
    timestamp_ms: int
    """When the change was made, in milliseconds since the epoch."""
    weight: int
    """The most bytes that it takes in a record batch, before compression."""


def weigh(key: bytes, value: bytes, headers: Headers) -> int:
    """A message's weight: its parts, and the most that Kafka's record format puts before each of them.

    https://kafka.apache.org/documentation/#record
    """
    parts = sum([len(name) + len(text) + _HEADER_OVERHEAD for name, text in headers])
    return len(key) + len(value) + parts + _MESSAGE_OVERHEAD


_ATTRIBUTES_OVERHEAD = weigh(
    b"",
    b"",
    [_SPECVERSION, _TYPE, _CONTENT_TYPE]
    + [(name, b"") for name in ("ce_id", "ce_source", "ce_time", "ce_subject", "ce_sequence")],
)

# What Message(...) does, less a call in Python
_to_tuple = cast("Callable[[tuple[object, ...]], Message]", partial(tuple.__new__, Message))


def to_message(event: FeatureAvailabilityEvent, change: Change, codec: Codec, headers: HeadersMode) -> Message:
    """The message of this event.

    Raises:
        PoisonRecord: a text in it is not valid Unicode, or its time is one that Kafka cannot hold.

    """
    value = codec.encode(event)
    timestamp_ms = change.created_ms or to_epoch_ms(event.timestamp)
    if timestamp_ms <= 0:
        raise PoisonRecord("its only time is before 1970")
    key = event.entity_id.encode()
    if headers == "none":
        return _to_tuple((key, value, [], timestamp_ms, len(key) + len(value) + _MESSAGE_OVERHEAD))
    id_, time, sequence = event.event_id.encode(), event.timestamp.encode(), change.sequence_number.encode()
    source = _to_source(change.stream_arn)
    subject = event.entity_type.encode() + b"/" + key
    attributes = [
        _SPECVERSION,
        ("ce_id", id_),
        source,
        _TYPE,
        ("ce_time", time),
        ("ce_subject", subject),
        ("ce_sequence", sequence),
        _CONTENT_TYPE,
    ]
    parts = len(key) + len(value) + len(id_) + len(source[1]) + len(time) + len(subject) + len(sequence)
    return _to_tuple((key, value, attributes, timestamp_ms, parts + _ATTRIBUTES_OVERHEAD))


@lru_cache(_SOURCES_KEPT)
def _to_source(stream_arn: str) -> tuple[str, bytes]:
    """The header that names the table, whose ARN the stream's begins with."""
    try:
        return "ce_source", stream_arn.partition("/stream/")[0].encode()
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
