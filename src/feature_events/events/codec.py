"""Turns an event into Avro, under any schema that an event can fill; every byte is fastavro's.

A record is its fields one after the other, so they can be written in parts. Most events of a table share all but three
of their fields, and to write the whole record each time would take a quarter more CPU, or three times as much where it
has a hundred features: so what events share is written once and kept.
https://avro.apache.org/docs/1.12.0/specification/#complex-types-1
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from operator import itemgetter
from sys import getsizeof
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_writer
from fastavro.schema import SchemaParseException
from fastavro.validation import validate

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent

type _Field = Mapping[str, Any]
"""A field of an Avro record, as its schema has it."""

type _Named = Mapping[str, Any]
"""The types that a schema defines, by their names: a field may use one that a field before it defines."""

_FIELDS = FeatureAvailabilityEvent._fields
_DIFFERING = ("event_id", "timestamp", "entity_id")
"""The fields in which nearly every event differs from the one before."""

# fastavro takes a tuple in a union for a pair of branch and value, so features are given to it as a list
_SAMPLE = {**dict.fromkeys(_FIELDS, "text"), "features": ["name"]}

# With the texts that they are of, so many bytes are a thousand lists of 20 names, or two hundred of 100
_KEPT_BYTES = 2_000_000
_LARGEST_KEPT_BYTES = 100_000


class _Part(NamedTuple):
    """A field that differs in each event, and what stands behind it up to the next such field."""

    read: Callable[[FeatureAvailabilityEvent], str]
    schema: Any
    read_shared: Callable[[FeatureAvailabilityEvent], tuple[Any, ...]]
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
        fields, named = _parse(text)
        _refuse_unfillable(fields, named)
        runs = list(_to_runs(fields))
        self._starts_shared = bool(runs[0])
        self._read_first, self._first = _to_shared(runs[0], named)
        self._parts = [_to_part(run, named) for run in runs[1:]]
        self._has_all = {field["name"] for field in fields} >= set(_FIELDS)

    def encode(self, event: FeatureAvailabilityEvent) -> bytes:
        """The event in Avro.

        Raises:
            PoisonRecord: a text in it is not valid Unicode; also where no field has it: the key and headers do.

        """
        avro = BytesIO()
        try:
            if self._starts_shared:
                avro.write(self._first[self._read_first(event)])
            for read, schema, read_shared, kept in self._parts:
                schemaless_writer(avro, schema, read(event))
                avro.write(kept[read_shared(event)])
            if not self._has_all:
                "".join(event[:-1]).encode()
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id in it is not valid Unicode text") from None
        return avro.getvalue()


class _Kept(dict[tuple[Any, ...], bytes]):
    """The Avro of values, written when it is first asked for; when there are too many bytes, all are forgotten.

    A least recently used one could be forgotten alone, but only the number of encodings would be bounded then, and an
    item may have 400 KB of names that no other has.
    """

    def __init__(self, names: Sequence[str], schema: Any) -> None:  # noqa: ANN401  # fastavro's own
        super().__init__()
        self._names = names
        self._schema = schema
        self._bytes = 0

    def __missing__(self, values: tuple[Any, ...]) -> bytes:
        avro = BytesIO()
        lists = [list(value) if type(value) is tuple else value for value in values]
        schemaless_writer(avro, self._schema, dict(zip(self._names, lists, strict=True)))
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


def _parse(text: str) -> tuple[Sequence[_Field], _Named]:
    """The fields of the schema, and the types that it defines."""
    named: dict[str, Any] = {}
    try:
        parsed: Any = parse_schema(json.loads(text), named)
    except (ValueError, KeyError, TypeError, AttributeError, SchemaParseException) as error:
        raise Misconfigured(f"the schema is not valid Avro: {type(error).__name__}") from None
    if type(parsed) is not dict or parsed.get("type") != "record" or not parsed["fields"]:
        raise Misconfigured("the schema is not an Avro record with fields")
    return list(parsed["fields"]), named


def _refuse_unfillable(fields: Sequence[_Field], named: _Named) -> None:
    """Refuses a schema that asks for more than an event has."""
    unfillable = [field["name"] for field in fields if not _can_fill(field, named)]
    if unfillable:
        raise Misconfigured(
            f"a FeatureAvailabilityEvent cannot fill these fields of the registry's schema: {', '.join(unfillable)}; "
            "give them a default or another type there, or choose another SCHEMA_VERSION"
        )
    for field in fields:
        _refuse_unwritable(field, named)


def _can_fill(field: _Field, named: _Named) -> bool:
    if field["name"] not in _SAMPLE:
        return "default" in field
    return bool(validate(_SAMPLE, _to_record([field], named), raise_errors=False))


def _refuse_unwritable(field: _Field, named: _Named) -> None:
    """Refuses a default that fastavro cannot write, as it cannot one of bytes."""
    try:
        schemaless_writer(BytesIO(), _to_record([field], named), _SAMPLE)
    except Exception as error:  # noqa: BLE001  # whatever fastavro raises
        raise Misconfigured(
            f"the default of field {field['name']} in the registry's schema cannot be written "
            f"({type(error).__name__}): make it null, or choose another SCHEMA_VERSION"
        ) from None


def _to_runs(fields: Sequence[_Field]) -> Iterator[list[_Field]]:
    """The fields in their order, in runs: a new one begins with each field that differs, the first with none."""
    run: list[_Field] = []
    for field in fields:
        if field["name"] in _DIFFERING:
            yield run
            run = []
        run.append(field)
    yield run


def _to_part(run: Sequence[_Field], named: _Named) -> _Part:
    differing, *shared = run
    # A type that stands by itself has to hold what it names
    schema = parse_schema(differing["type"], dict(named), expand=True)
    return _Part(itemgetter(_FIELDS.index(differing["name"])), schema, *_to_shared(shared, named))


def _to_shared(
    fields: Sequence[_Field], named: _Named
) -> tuple[Callable[[FeatureAvailabilityEvent], tuple[Any, ...]], _Kept]:
    names = [field["name"] for field in fields if field["name"] in _FIELDS]
    return _to_reader(names), _Kept(names, _to_record(fields, named))


def _to_reader(names: Sequence[str]) -> Callable[[FeatureAvailabilityEvent], tuple[Any, ...]]:
    """Reads these fields of an event as a tuple, also of one or of none."""
    places = [_FIELDS.index(name) for name in names]
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))


def _to_record(fields: Sequence[_Field], named: _Named) -> Any:  # noqa: ANN401  # fastavro's own
    """A record of some of the schema's fields, under a name that the schema has not."""
    return parse_schema({"type": "record", "name": "FeatureEventsCodecPart", "fields": list(fields)}, dict(named))
