"""Convert an event to a Kafka message."""

from typing import NamedTuple
from uuid import UUID

from feature_events.epoch import to_epoch_ms
from feature_events.errors import PoisonRecord
from feature_events.events.event import AVAILABLE, UNAVAILABLE, FeatureAvailabilityEvent
from feature_events.events.schema import SchemaId
from feature_events.records.change import Change

type Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
TYPES = {each: ("ce_type", f"com.featurestore.events.{each}".encode()) for each in (AVAILABLE, UNAVAILABLE)}
_CONTENT_TYPE = ("content-type", b"application/avro")
_BACKFILL = ("ce_backfill", b"true")
_CLOCK_SKEW_MS = 1_000
"""The maximum difference between the clocks of the stream and of the backfill.

The live event of a write that follows a backfill's read must have the later message timestamp.
"""


def to_prefix(schema_id: SchemaId) -> bytes:
    """Return the wire-format prefix of the registry that this id is from."""
    return to_glue_prefix(schema_id) if isinstance(schema_id, UUID) else to_confluent_prefix(schema_id)


def to_confluent_prefix(schema_id: int) -> bytes:
    """Return one zero byte and the schema's id as four bytes, big-endian.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
    """
    return b"\0" + schema_id.to_bytes(4, "big")


def to_glue_prefix(version_id: UUID) -> bytes:
    """Return the format's version 3, a zero byte for no compression, and the 16 bytes of the schema version's UUID.

    https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
    """
    return b"\x03\0" + version_id.bytes


# The maximum overhead in Kafka's record format of a record, and of a header including its name
# https://kafka.apache.org/documentation/#record
_MESSAGE_OVERHEAD = 80
_HEADER_OVERHEAD = 24


class Message(NamedTuple):
    """A message that is ready to be produced."""

    key: bytes
    """The entity's id in UTF-8. It keeps all events of an entity in one partition, in order."""
    value: bytes
    headers: Headers
    timestamp_ms: int
    """The time of the Change, in milliseconds since the epoch. For a scanned item, minus the clock skew."""
    size: int
    """The maximum number of bytes that it takes in a record batch, before compression."""
    event_type: str


def to_message(event: FeatureAvailabilityEvent, change: Change, value: bytes) -> Message:
    """Convert an event to its message.

    Args:
        event: the event.
        change: its Change.
        value: the event in Avro, after the wire-format prefix.

    Raises:
        PoisonRecord: the table's ARN is not valid Unicode, or the only time is before 1970, which Kafka cannot store.

    """
    try:
        source = change.table_arn.encode()
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
    timestamp_ms = change.created_ms
    if not timestamp_ms:  # None, or rounded to 0
        timestamp_ms = to_epoch_ms(event.timestamp)
        if timestamp_ms <= 0:
            raise PoisonRecord("timestamp is before 1970")
    key = event.entity_id.encode()
    number = change.sequence_number
    if number is None:
        timestamp_ms -= _CLOCK_SKEW_MS
        last = (_CONTENT_TYPE, _BACKFILL)
    else:
        last = (("ce_sequence", number.encode()), _CONTENT_TYPE)
    headers = [
        _SPECVERSION,
        ("ce_id", event.event_id.encode()),
        ("ce_source", source),
        TYPES[event.event_type],
        ("ce_time", event.timestamp.encode()),
        ("ce_subject", f"{event.entity_type}/{event.entity_id}".encode()),
        *last,
    ]
    headers_size = sum([len(text) for _, text in headers]) + _HEADER_OVERHEAD * len(headers)
    size = len(key) + len(value) + headers_size + _MESSAGE_OVERHEAD
    return Message(key, value, headers, timestamp_ms, size, event.event_type)
