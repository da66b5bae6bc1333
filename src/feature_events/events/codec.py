"""Encode events in Avro under any schema that an event can fill. fastavro writes every byte.

An Avro record is the concatenation of its fields, so each field is encoded on its own. Most events of a table share all
but a few fields: the Avro of these is cached. Encoding the whole record each time would take a quarter more CPU, or
three times as much for a hundred features.
https://avro.apache.org/docs/1.12.0/specification/#complex-types-1
"""

from io import BytesIO
from sys import getsizeof
from typing import Any

from fastavro import parse_schema, schemaless_writer

from feature_events.errors import PoisonRecord
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import Field, SchemaFields, read_fields, to_record

_POSITIONS = {
    name: position for position, name in enumerate((*FeatureAvailabilityEvent._fields, *EventDetails._fields))
}
_UNIQUE = {"event_id", "timestamp", "entity_id", "sequence_number"}
"""The fields that differ in nearly every event. Caching them is useless."""

# For the cache of each field: enough for a thousand lists of 20 names, or two hundred lists of 100, with their texts
_CACHE_BYTES = 2_000_000
_LARGEST_CACHED_BYTES = 100_000


class Codec:
    """An encoder of events under one schema.

    Args:
        text: the schema, as JSON.
        with_removals: whether the schema must be able to express removals.

    Raises:
        Misconfigured: the schema is not an Avro record, or it has fields that no event can fill. They are named.

    """

    def __init__(self, text: str, *, with_removals: bool = False) -> None:
        schema = read_fields(text, with_removals=with_removals)
        self._writers = [_make_writer(field, schema) for field in schema.fields]
        names = {field["name"] for field in schema.fields}
        self._has_all_texts = names >= set(FeatureAvailabilityEvent._fields)
        self.details = names & set(EventDetails._fields)
        """The names of the details that the schema contains. If empty, `encode` needs no EventDetails."""

    def encode(self, values: tuple[Any, ...]) -> bytes:
        """Encode an event.

        Args:
            values: the fields of a FeatureAvailabilityEvent, followed by those of its EventDetails.

        Raises:
            PoisonRecord: a text is not valid Unicode, even if the schema has no field for it: the key and the headers
                contain it.

        """
        avro = BytesIO()
        write = avro.write
        try:
            for position, kind, cache in self._writers:
                if cache is None:
                    schemaless_writer(avro, kind, values[position])
                else:
                    write(cache[values[position]])
            if not self._has_all_texts:
                "".join(values[: _POSITIONS["features"]]).encode()
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id is not valid Unicode text") from None
        return avro.getvalue()


class _FieldCache(dict[Any, bytes]):
    """The Avro of a field, by its value; emptied when it becomes too large.

    An LRU cache bounds the number of values only, and a single item may have 400 KB of names that no other item has.
    """

    def __init__(self, field: Field, schema: SchemaFields) -> None:
        super().__init__()
        self._name: str = field["name"]
        self._record = to_record(field, schema.named)
        self._fill = schema.fill
        self._bytes = 0

    def __missing__(self, value: Any) -> bytes:  # noqa: ANN401  # any field's value
        texts = list(value) if type(value) is tuple else [value]
        filled = self._fill(self._name, texts if type(value) is tuple else value)
        avro = BytesIO()
        schemaless_writer(avro, self._record, {self._name: filled} if self._name in _POSITIONS else {})
        encoded = avro.getvalue()
        size = getsizeof(encoded) + sum(map(getsizeof, texts))
        if size <= _LARGEST_CACHED_BYTES:
            if self._bytes + size > _CACHE_BYTES:
                self.clear()
                self._bytes = 0
            self._bytes += size
            self[value] = encoded
        return encoded


type _Writer = tuple[int, Any, _FieldCache | None]
"""The position of a field's value in an event, and its type if its values are unique, or else its cache."""


def _make_writer(field: Field, schema: SchemaFields) -> _Writer:
    name = field["name"]
    if name in _UNIQUE and schema.absent.get(name) is None:
        # A type on its own must contain the types that it names
        return _POSITIONS[name], parse_schema(field["type"], dict(schema.named), expand=True), None
    # A field that no event has gets its default, whatever the value
    return _POSITIONS.get(name, _POSITIONS["event_type"]), None, _FieldCache(field, schema)
