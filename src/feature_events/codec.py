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
_LISTS_KEPT = 256  # encoded lists of feature names; most items of a table name the same features


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
        parsed = _parse(schema.text)
        _refuse_unfillable(parsed)
        self._frame = b"\0" + schema.id.to_bytes(4, "big")
        *head, last = parsed["fields"]
        # Records are their fields one after the other, so the features, where they come last, are encoded once per list
        self._split = bool(last["name"] == "features")
        self._head: dict[str, Any] = {**parsed, "fields": head} if self._split else parsed
        self._features = last["type"]
        self._encode_features = lru_cache(_LISTS_KEPT)(self._write_features)

    def encode(self, event: FeatureAvailabilityEvent) -> bytes:
        """The framed bytes of this event.

        Raises:
            PoisonRecord: a text in it is not valid Unicode, which Avro cannot hold.

        """
        try:
            head = BytesIO()
            values = dict(zip(_FIELDS, event, strict=True))
            if self._split:
                fastavro.schemaless_writer(head, self._head, values)
                return self._frame + head.getvalue() + self._encode_features(event.features)
            fastavro.schemaless_writer(head, self._head, {**values, "features": list(event.features)})
            return self._frame + head.getvalue()
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id in it is not valid Unicode text") from None

    def _write_features(self, features: tuple[str, ...]) -> bytes:
        tail = BytesIO()
        fastavro.schemaless_writer(tail, self._features, list(features))
        return tail.getvalue()


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
