"""Turns an event into Avro, under any schema that an event can fill; every byte is fastavro's.

A record is its fields one after the other, so they can be written in parts. Most events of a table share all but three
of their fields, and to write the whole record each time would take a quarter more CPU, or three times as much where it
has a hundred features: so what events share is written once and kept.
https://avro.apache.org/docs/1.12.0/specification/#complex-types-1
"""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from operator import itemgetter
from sys import getsizeof
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_writer

from feature_events.errors import PoisonRecord
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import Field, SchemaFields, read_fields, to_record

_FIELDS = (*FeatureAvailabilityEvent._fields, *EventDetails._fields)
_DIFFERING = ("event_id", "timestamp", "entity_id", "sequence_number")
"""The fields in which nearly every event differs from the one before."""
_VARYING = {"features", "changed_features", "removed_features", "stream_time"}
"""The fields that repeat and have many values: kept together, two of these would repeat less, and fill what is kept."""
_NOTHING: Field = {"name": "", "type": "null"}
"""A field that takes no bytes, where fields that are kept follow no differing one."""
_TEXTS: Field = {"name": "", "type": "null"}
"""Another one, which looks at an event's texts: a schema need not have a field for each."""

# With the texts that they are of, so many bytes are a thousand lists of 20 names, or two hundred of 100
_KEPT_BYTES = 2_000_000
_LARGEST_KEPT_BYTES = 100_000


class _Part(NamedTuple):
    """A field that differs in each event, and what stands behind it up to the next such field."""

    read: Callable[[tuple[Any, ...]], Any]
    schema: Any
    read_shared: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    """The values of what stands behind it."""
    kept: "_Kept"


class Codec:
    """Writes events under one schema.

    Args:
        text: the schema, as JSON.

    Raises:
        Misconfigured: the schema is no Avro record, or has fields that no event can fill; they are named.

    """

    def __init__(self, text: str) -> None:
        schema = read_fields(text)
        self._parts = [_to_part(run, schema) for run in _to_runs(schema.fields)]
        names = {field["name"] for field in schema.fields}
        if not names >= set(FeatureAvailabilityEvent._fields):
            self._parts.append(_to_part([_TEXTS], schema))
        self.asks_for = names & set(EventDetails._fields)
        """The details that have to stand behind an event; behind one under a schema that asks for none, none need."""

    def encode(self, values: tuple[Any, ...]) -> bytes:
        """The event in Avro.

        Args:
            values: a FeatureAvailabilityEvent, and behind its fields those of its EventDetails.

        Raises:
            PoisonRecord: a text in it is not valid Unicode; also where no field has it: the key and headers do.

        """
        avro = BytesIO()
        try:
            for read, schema, read_shared, kept in self._parts:
                schemaless_writer(avro, schema, read(values))
                avro.write(kept[read_shared(values)])
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id in it is not valid Unicode text") from None
        return avro.getvalue()


class _Kept(dict[tuple[Any, ...], bytes]):
    """The Avro of values, written when it is first asked for; when there are too many bytes, all are forgotten.

    A least recently used one could be forgotten alone, but only the number of encodings would be bounded then, and an
    item may have 400 KB of names that no other has.
    """

    def __init__(self, fields: Sequence[Field], schema: SchemaFields) -> None:
        super().__init__()
        self.names = [field["name"] for field in fields if field["name"] in _FIELDS]
        self._schema = to_record(fields, schema.named)
        self._fill = schema.fill
        self._bytes = 0

    def __missing__(self, values: tuple[Any, ...]) -> bytes:
        avro = BytesIO()
        lists = [list(value) if type(value) is tuple else value for value in values]
        filled = {name: self._fill(name, value) for name, value in zip(self.names, lists, strict=True)}
        schemaless_writer(avro, self._schema, filled)
        written = avro.getvalue()
        texts = [text for value in lists for text in (value if type(value) is list else [value])]
        size = getsizeof(written) + sum(map(getsizeof, texts))
        if size <= _LARGEST_KEPT_BYTES:
            if self._bytes + size > _KEPT_BYTES:
                self.clear()
                self._bytes = 0
            self._bytes += size
            self[values] = written
        return written


def _to_runs(fields: Sequence[Field]) -> Iterator[list[Field]]:
    """The fields in their order, in runs: the first of each differs, the others are kept together."""
    run = [_NOTHING]
    for field in fields:
        name = field["name"]
        if name in _DIFFERING or (name in _VARYING and any(each["name"] in _VARYING for each in run)):
            if run != [_NOTHING]:
                yield run
            run = [] if name in _DIFFERING else [_NOTHING]
        run.append(field)
    yield run


def _to_part(run: Sequence[Field], schema: SchemaFields) -> _Part:
    differing, *shared = run
    kept = _Kept(shared, schema)
    # A type that stands by itself has to hold what it names
    own = parse_schema(differing["type"], dict(schema.named), expand=True)
    return _Part(_to_reader(differing, schema), own, _to_shared_reader(kept.names), kept)


def _to_reader(field: Field, schema: SchemaFields) -> Callable[[tuple[Any, ...]], Any]:
    """Reads what a differing field is to hold."""
    if field is _NOTHING:
        return _read_nothing
    if field is _TEXTS:
        return _check_texts
    name, place = field["name"], _FIELDS.index(field["name"])
    return itemgetter(place) if schema.absent.get(name) is None else lambda values: schema.fill(name, values[place])


def _read_nothing(_: object) -> None:
    """What `_NOTHING` holds."""


def _check_texts(values: tuple[Any, ...]) -> None:
    """What `_TEXTS` holds."""
    "".join(values[: _FIELDS.index("features")]).encode()


def _to_shared_reader(names: Sequence[str]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Reads these fields of an event as a tuple, also of one or of none."""
    places = [_FIELDS.index(name) for name in names]
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))
