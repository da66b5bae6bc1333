"""Makes the Kafka message of an event: the last pure value before anything leaves the function.

The headers are CloudEvents' Kafka binding in binary mode, so that a consumer can route and filter without decoding.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from feature_events.errors import PoisonRecord
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent, to_epoch_ms
from feature_events.records.change import Change

if TYPE_CHECKING:
    from collections.abc import Callable

type HeadersMode = Literal["cloudevents", "none"]
type Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
_TYPE = ("ce_type", b"com.featurestore.events.feature_available")
_CONTENT_TYPE = ("content-type", b"application/avro")
_TABLES_KEPT = 64  # by their streams' ARNs and the names of keys, which have 255 characters at most and a few more

# Every event has as many
_ID_BYTES = len("00000000-0000-0000-0000-000000000000")
_TIME_BYTES = len("2025-10-10T12:34:56.789Z")

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


# What Message(...) does, less a call in Python
_to_tuple = cast("Callable[[tuple[object, ...]], Message]", partial(tuple.__new__, Message))


def to_message(event: FeatureAvailabilityEvent, change: Change, codec: Codec, headers: HeadersMode) -> Message:
    """The message of this event.

    Raises:
        PoisonRecord: a text in it is not valid Unicode, or its time is one that Kafka cannot hold.

    """
    value = codec.encode(event)
    timestamp_ms = change.created_ms
    if not timestamp_ms:  # none, or so early that it is rounded to 0
        timestamp_ms = to_epoch_ms(event.timestamp)
        if timestamp_ms <= 0:
            raise PoisonRecord("its only time is before 1970")
    key = event.entity_id.encode()
    if headers == "none":
        return _to_tuple((key, value, [], timestamp_ms, len(value) + len(key) + _MESSAGE_OVERHEAD))
    source, subject, weight = _to_repeating(change.stream_arn, event.entity_type)
    sequence = change.sequence_number.encode()
    attributes = [
        _SPECVERSION,
        ("ce_id", event.event_id.encode()),
        source,
        _TYPE,
        ("ce_time", event.timestamp.encode()),
        ("ce_subject", subject + key),
        ("ce_sequence", sequence),
        _CONTENT_TYPE,
    ]
    return _to_tuple((key, value, attributes, timestamp_ms, len(value) + 2 * len(key) + len(sequence) + weight))


@lru_cache(_TABLES_KEPT)
def _to_repeating(stream_arn: str, entity_type: str) -> tuple[tuple[str, bytes], bytes, int]:
    """What all events of a table share: the header that names it, how a subject begins, and what all headers weigh.

    The weight is without what differs between events: value, key (which is in the subject again) and sequence.
    """
    try:
        source = ("ce_source", stream_arn.partition("/stream/")[0].encode())  # the stream's ARN begins with the table's
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
    subject = f"{entity_type}/".encode()
    sized = [
        ("ce_id", b"." * _ID_BYTES),
        ("ce_time", b"." * _TIME_BYTES),
        ("ce_subject", subject),
        ("ce_sequence", b""),
    ]
    return source, subject, weigh(b"", b"", [_SPECVERSION, source, _TYPE, _CONTENT_TYPE, *sized])
