"""Makes the Kafka message of an event: the last pure value before anything leaves the function."""

from typing import NamedTuple
from uuid import UUID

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent, to_epoch_ms
from feature_events.events.schema import SchemaId
from feature_events.records.change import Change

type Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
_TYPE = ("ce_type", b"com.featurestore.events.feature_available")
_CONTENT_TYPE = ("content-type", b"application/avro")
_BACKFILL = ("ce_backfill", b"true")


def to_prefix(schema_id: SchemaId) -> bytes:
    """The wire-format prefix of the registry that gave this id."""
    return to_glue_prefix(schema_id) if isinstance(schema_id, UUID) else to_confluent_prefix(schema_id)


def to_confluent_prefix(schema_id: int) -> bytes:
    """One zero byte and the schema's id as four bytes, big-endian.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
    """
    return b"\0" + schema_id.to_bytes(4, "big")


def to_glue_prefix(version_id: UUID) -> bytes:
    """The format's version 3, one zero byte for no compression, and the 16 bytes of the schema version's UUID.

    https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
    """
    return b"\x03\0" + version_id.bytes


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


def to_message(event: FeatureAvailabilityEvent, change: Change, value: bytes) -> Message:
    """Return the message of this event.

    Args:
        event: the event.
        change: its Change.
        value: the event in Avro, after the wire-format prefix.

    Raises:
        PoisonRecord: the table's ARN is not valid Unicode, or the only time is one that Kafka cannot store.

    """
    headers = _to_headers(event, change)
    timestamp_ms = change.created_ms
    if not timestamp_ms:  # none, or so early that it is rounded to 0
        timestamp_ms = to_epoch_ms(event.timestamp)
        if timestamp_ms <= 0:
            raise PoisonRecord("its only time is before 1970")
    key = event.entity_id.encode()
    headers_size = sum([_HEADER_OVERHEAD + len(text) for _, text in headers])
    return Message(key, value, headers, timestamp_ms, len(key) + len(value) + headers_size + _MESSAGE_OVERHEAD)


def _to_headers(event: FeatureAvailabilityEvent, change: Change) -> Headers:
    try:
        source = change.table_arn.encode()
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
    number = change.sequence_number
    last = (_CONTENT_TYPE, _BACKFILL) if number is None else (("ce_sequence", number.encode()), _CONTENT_TYPE)
    return [
        _SPECVERSION,
        ("ce_id", event.event_id.encode()),
        ("ce_source", source),
        _TYPE,
        ("ce_time", event.timestamp.encode()),
        ("ce_subject", f"{event.entity_type}/{event.entity_id}".encode()),
        *last,
    ]
