"""Decode the events of one table from the topic's messages, each under the schema that it was written with."""

from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from fastavro import schemaless_reader

from feature_events.errors import Misconfigured
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.message import TYPES
from feature_events.events.schema import SchemaId, parse_record, read_shipped_schema
from feature_events.registries.registry import make_unknown_id_error
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import Settings
from feature_events.topic.reader import TopicMessage

_TYPES = {value for _, value in TYPES.values()}
_CONFLUENT, _GLUE = b"\0", b"\x03\0"
_CONFLUENT_PREFIX, _GLUE_PREFIX = 5, 18
_MOST_DIGITS = 40
"""The maximum length of a sequence number.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
"""
_SECOND_MS = 1_000
_FIELDS = FeatureAvailabilityEvent._fields
_TEXTS = tuple(name for name in _FIELDS if name != "features")

type ReadSchema = Callable[[SchemaId], str]
"""Return the text of the schema with this id. Raises Misconfigured if it does not exist."""


class Position(NamedTuple):
    """The position of an event in the state rule: of two events about one item, the greater one is current."""

    timestamp_ms: int
    sequence: int
    """The `ce_sequence` as a number; -1 without one."""
    partition: int
    """Offsets are comparable only within a partition. An entity has two only if partitions were added."""
    offset: int


def find_known_since(since_ms: int, oldest_ms: Iterable[int]) -> int:
    """Return the time after which every write has its event in the part of the topic that is read.

    Message timestamps are rounded down to seconds. So an event can be before `since_ms` although its write is not. A
    removed message can have the same timestamp as the oldest one that is left.

    Args:
        since_ms: the topic is read from this time on, or 0.
        oldest_ms: the timestamp of the oldest message in each partition whose earlier messages were removed.

    """
    next_second = -(-since_ms // _SECOND_MS) * _SECOND_MS
    ends_of_seconds = [each - each % _SECOND_MS + _SECOND_MS - 1 for each in oldest_ms]
    return max([next_second, *ends_of_seconds])


class TopicEvent(NamedTuple):
    """An event about one table, as it is in the topic."""

    position: Position
    event: FeatureAvailabilityEvent
    is_backfilled: bool


class EventDecoder:
    """A decoder of the events of one table. Other messages are skipped.

    Args:
        table_arn: the table's ARN.
        read_schema: reads a schema. Each is read once.

    """

    def __init__(self, table_arn: str, read_schema: ReadSchema) -> None:
        self._source = table_arn.encode()
        self._find_schema = cache(lambda schema_id: _parse_schema(schema_id, read_schema(schema_id)))

    def decode(self, message: TopicMessage) -> TopicEvent | None:
        """Return the event, or None if it is not one about this table or has an unknown type.

        Raises:
            Misconfigured: the registry does not have the event's schema, or the value is not Avro under it.
            Undelivered: the registry did not respond.

        """
        headers = message.headers
        if headers.get("ce_source") != self._source or headers.get("ce_type") not in _TYPES or not message.value:
            return None
        event = self._decode_value(message)
        sequence = _read_sequence(headers.get("ce_sequence"))
        position = Position(message.timestamp_ms, sequence, message.partition, message.offset)
        return TopicEvent(position, event, headers.get("ce_backfill") == b"true")

    def _decode_value(self, message: TopicMessage) -> FeatureAvailabilityEvent:
        value = message.value or b""
        where = f"the message at partition {message.partition}, offset {message.offset}"
        if value.startswith(_CONFLUENT) and len(value) > _CONFLUENT_PREFIX:
            schema_id: SchemaId = int.from_bytes(value[1:_CONFLUENT_PREFIX])
            avro = value[_CONFLUENT_PREFIX:]
        elif value.startswith(_GLUE) and len(value) > _GLUE_PREFIX:
            schema_id, avro = UUID(bytes=value[len(_GLUE) : _GLUE_PREFIX]), value[_GLUE_PREFIX:]
        else:
            raise Misconfigured(f"{where} is not an event in a known wire format: check which producers write there")
        schema = self._find_schema(schema_id)
        try:
            values: Any = schemaless_reader(BytesIO(avro), schema, None)
            texts = {name: str(values[name]) for name in _TEXTS}
            return FeatureAvailabilityEvent(**texts, features=tuple(map(str, values["features"])))
        except Exception as error:  # noqa: BLE001  # fastavro raises any exception, and fields can have other types
            raise Misconfigured(
                f"{where} is not an event under schema id {schema_id} ({type(error).__name__}): check which producers "
                "write there"
            ) from None


def _read_sequence(header: bytes | None) -> int:
    """Return the sequence number in this header, or -1 if it is absent or not one of a stream."""
    return int(header) if header and header.isdigit() and len(header) <= _MOST_DIGITS else -1


def make_schema_reader(settings: Settings) -> ReadSchema:
    """Return how to read the schema of an event: from the registry, or the shipped one if its id is pinned.

    A deployment with a pinned id may have no registry.
    """
    registry = None if settings.registry is None else make_registry(settings)

    def read_schema(schema_id: SchemaId) -> str:
        if schema_id == settings.schema_id:
            return read_shipped_schema(settings.schema_file)
        if registry is None:
            raise Misconfigured(
                f"events were written with schema id {schema_id}, and without a registry they cannot be read: set "
                "SchemaRegistry (SCHEMA_REGISTRY)"
            )
        if isinstance(schema_id, UUID) != settings.is_glue:
            place = "AWS Glue" if settings.is_glue else f"the schema registry at {settings.registry}"
            raise make_unknown_id_error(schema_id, place)
        return registry.read_by_id(schema_id)

    return read_schema


def _parse_schema(schema_id: SchemaId, text: str) -> Any:  # noqa: ANN401  # fastavro's own
    parsed, _ = parse_record(text)
    missing = {*_FIELDS} - {field["name"] for field in parsed["fields"]}
    if missing:
        raise Misconfigured(
            f"schema id {schema_id} lacks the fields {', '.join(sorted(missing))}, so its events cannot be compared "
            "with items"
        )
    return parsed
