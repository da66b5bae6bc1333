"""Turns an event into the bytes of a Kafka message: Confluent's frame, then Avro.

The frame is one zero byte and the schema's id as four bytes, big-endian; it is the one thing here that another
registry's clients would want otherwise.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

import json
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import SchemaParseException
from fastavro.validation import validate

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.event import FeatureAvailabilityEvent

SHIPPED_SCHEMA = (Path(__file__).parent / "feature_trigger.avsc").read_text()

_FIELDS = FeatureAvailabilityEvent._fields
# Its features are a list: fastavro takes a tuple in a union for a pair of branch and value
_SAMPLE = {**dict.fromkeys(_FIELDS, "text"), "features": ["name"]}
_FEATURES = {"type": "array", "items": "string"}

# Encodings that are kept, since most items of a table have the same names and come from few jobs
_TEXTS_KEPT = 1024
_FEATURES_KEPT = 256

# Avro's lengths, zigzag in groups of seven bits; a DynamoDB key, in base64, has at most 2,732 characters
_LENGTHS = tuple(bytes([n << 1]) if n < 64 else bytes([n << 1 & 127 | 128, n >> 6]) for n in range(4096))  # noqa: PLR2004


class Schema(NamedTuple):
    """An Avro schema and the id that the registry gave it."""

    id: int
    text: str


class Codec:
    """Encodes events under one schema.

    Raises:
        Misconfigured: the schema is no Avro record, or has fields that no event can fill; they are named.

    """

    def __init__(self, schema: Schema) -> None:
        self._schema = _parse(schema.text)
        _refuse_unfillable(self._schema)
        self._frame = b"\0" + schema.id.to_bytes(4, "big")
        shipped = [(name, _FEATURES if name == "features" else "string") for name in _FIELDS]
        self._is_shipped = [(field["name"], field["type"]) for field in self._schema["fields"]] == shipped
        self._encode_texts = lru_cache(_TEXTS_KEPT)(_write_texts)
        self._encode_features = lru_cache(_FEATURES_KEPT)(_write_features)
        self._last_names: tuple[str, ...] = ()
        self._last_features = _write_features(())

    def encode(self, event: FeatureAvailabilityEvent) -> bytes:
        """The framed bytes of this event.

        A record is its fields one after the other. Where they are those that we ship, the three that differ in each
        event are written here and the others, which seldom do, once; any other schema is left to fastavro.

        Raises:
            PoisonRecord: a text in it is not valid Unicode, which Avro cannot hold.

        """
        try:
            if not self._is_shipped:
                return self._frame + self._write_whole(event)
            event_id, event_type, timestamp, entity_type, entity_id, resource_type, resource, compute_id, names = event
            if names != self._last_names:
                # Mostly the next event's too, in the same strings, which are found equal without looking at each
                self._last_names, self._last_features = names, self._encode_features(names)
            before_time, before_entity, behind = self._encode_texts(
                event_type, entity_type, resource_type, resource, compute_id
            )
            id_, time, entity = event_id.encode(), timestamp.encode(), entity_id.encode()
            lengths = _LENGTHS
            return b"".join(
                (
                    self._frame,
                    lengths[len(id_)],
                    id_,
                    before_time,
                    lengths[len(time)],
                    time,
                    before_entity,
                    lengths[len(entity)],
                    entity,
                    behind,
                    self._last_features,
                )
            )
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id in it is not valid Unicode text") from None
        except IndexError:  # a longer text than there are lengths
            return self._frame + self._write_whole(event)

    def _write_whole(self, event: FeatureAvailabilityEvent) -> bytes:
        return _write(self._schema, dict(zip(_FIELDS, event, strict=True)) | {"features": list(event.features)})


def _write(schema: Any, value: Any) -> bytes:  # noqa: ANN401  # Avro's types
    """Avro by fastavro."""
    data = BytesIO()
    fastavro.schemaless_writer(data, schema, value)
    return data.getvalue()


def _write_texts(before_time: str, before_entity: str, *behind: str) -> tuple[bytes, bytes, bytes]:
    """The texts that stand before the time, before the entity, and behind it."""
    written = [_write("string", text) for text in behind]
    return _write("string", before_time), _write("string", before_entity), b"".join(written)


def _write_features(features: tuple[str, ...]) -> bytes:
    return _write(_FEATURES, list(features))


def _parse(text: str) -> dict[str, Any]:
    try:
        parsed = fastavro.parse_schema(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, SchemaParseException) as error:
        raise Misconfigured(f"the schema is not valid Avro: {type(error).__name__}") from None
    if type(parsed) is not dict or parsed.get("type") != "record" or not parsed["fields"]:
        raise Misconfigured("the schema is not an Avro record with fields")
    return parsed


def _refuse_unfillable(schema: dict[str, Any]) -> None:
    """Refuses a schema that asks for more than an event has."""
    unfillable = [field["name"] for field in schema["fields"] if not _can_fill(field)]
    if unfillable:
        raise Misconfigured(
            f"a FeatureAvailabilityEvent cannot fill these fields of the registry's schema: {', '.join(unfillable)}; "
            "give them a default or another type there, or choose another SCHEMA_VERSION"
        )


def _can_fill(field: dict[str, Any]) -> bool:
    if field["name"] not in _SAMPLE:
        return "default" in field
    return bool(validate(_SAMPLE[field["name"]], field["type"], raise_errors=False))
