"""Read the schemas that events are encoded with, and refuse those that events cannot fill."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.validation import validate

from feature_events.epoch import to_iso
from feature_events.errors import Misconfigured
from feature_events.events.event import ALWAYS_KNOWN, EventDetails, FeatureAvailabilityEvent
from feature_events.syntax import InvalidJson, parse_json

type SchemaId = int | UUID
"""The id of a schema: a number in a registry with Confluent's interface, the UUID of a schema version in AWS Glue."""

DEFAULT_SCHEMA_FILE = "feature_trigger.avsc"
SCHEMA_FILES = (DEFAULT_SCHEMA_FILE, "feature_trigger_v2.avsc")
"""The schemas that are deployed with the function, as files in `schemas`."""

_VERSION = "Schema=version:N (SCHEMA_VERSION)"


class Schema(NamedTuple):
    """An Avro schema and its id in the registry."""

    id: SchemaId
    text: str


def read_shipped_schema(file: str) -> str:
    """Return the text of a shipped schema."""
    return (Path(__file__).parent / file).read_text()


SHIPPED_SCHEMA = read_shipped_schema(DEFAULT_SCHEMA_FILE)
type Field = Mapping[str, Any]
"""A field of an Avro record, from the JSON of its schema."""

type Named = Mapping[str, Any]
"""The types that a schema defines, by name. A field can use a type that an earlier field defines."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STREAM_TIME = "stream_time"
_MOST_DEFAULTS = 10_000
"""The maximum number of values in a default, including nested ones."""

_UUID = "123e4567-e89b-12d3-a456-426614174000"
_TEXTS = ("text", "", "7", "2025-10-10", _UUID)
"""Some of these texts look like a logical type. In a union with that type, fastavro would not write them as text."""
type _Samples = Mapping[str, Sequence[Any]]

# A field's type must accept all of its samples. fastavro takes a tuple in a union for a pair of branch and value, so
# features are lists
_SAMPLES: _Samples = {
    **dict.fromkeys((*FeatureAvailabilityEvent._fields, *EventDetails._fields), _TEXTS),
    "event_id": [_UUID],
    "features": [[*_TEXTS]],
    "change": ["INSERT", "MODIFY"],
    "changed_features": [[*_TEXTS]],
    "removed_features": [[*_TEXTS]],
    "backfill": [False, True],
    "removal": [],
}
_REMOVAL_SAMPLES: _Samples = {"change": ["REMOVE"], "features": [[]], "removal": ["deleted", "expired", "emptied"]}
"""The values that only removals have."""

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(EventDetails._fields, "string"),
    "change": "string, or an enum of INSERT, MODIFY and, for Removals=events, REMOVE",
    "removal": "string, or an enum of deleted, expired and emptied",
    "stream_time": "string, timestamp-millis or timestamp-micros",
    "changed_features": "array of string",
    "removed_features": "array of string",
    "backfill": "boolean",
}
"""The type of each detail, for messages."""


class SchemaFields(NamedTuple):
    """The fields of a schema, in its order."""

    fields: Sequence[Field]
    named: Named
    to_time: Callable[[int], str | datetime]
    """Converts milliseconds since the epoch to a value that the type of `stream_time` accepts."""
    absent: Mapping[str, Any]
    """The value of each detail if it is unknown: null if its type accepts that, or else its default."""

    def fill(self, name: str, value: Any) -> Any:  # noqa: ANN401  # fastavro's own
        """Convert an event's value to the value of this field."""
        if value is None:
            return self.absent.get(name)
        return self.to_time(value) if name == _STREAM_TIME else value


class _TriedField:
    """A field, and a record with this field alone, which is used to try values."""

    def __init__(self, field: Field, named: Named) -> None:
        self.definition = field
        self.name: str = field["name"]
        self.named = named

    @cached_property
    def record(self) -> Any:  # noqa: ANN401  # fastavro's own
        """The record. Parsing takes longer than trying a value, so it is done once."""
        return to_record(self.definition, self.named)


def read_fields(text: str, *, with_removals: bool = False) -> SchemaFields:
    """Return the fields of a schema.

    Args:
        text: the schema, as JSON.
        with_removals: whether the schema must be able to express removals.

    Raises:
        Misconfigured: the schema is not an Avro record, or it has fields that no event can fill. They are named.

    """
    try:
        parsed, named = parse_record(text)
    except Misconfigured as error:
        raise Misconfigured(f"{error}: choose another version with {_VERSION}") from None
    fields = list(parsed["fields"])
    tried = [_TriedField(field, named) for field in fields]
    to_time = _choose_time(tried)
    samples = {**_SAMPLES, _STREAM_TIME: [to_time(0)]}
    if with_removals:
        samples |= {name: [*_SAMPLES[name], *values] for name, values in _REMOVAL_SAMPLES.items()}
    _refuse_unfillable(tried, samples)
    for field in tried:
        _refuse_unusable_default(field, samples)
    absent = {
        field.name: None if _accepts(field, None) else field.definition.get("default")
        for field in tried
        if field.name in EventDetails._fields
    }
    return SchemaFields(fields, named, to_time, absent)


def to_record(field: Field, named: Named) -> Any:  # noqa: ANN401  # fastavro's own
    """Return a record with this field alone, under a name that the schema does not contain."""
    return parse_schema({"type": "record", "name": "FeatureEventsCodecField", "fields": [field]}, dict(named))


def parse_record(text: str) -> tuple[Mapping[str, Any], Named]:
    """Return a schema, parsed by fastavro, and the types that it defines.

    Raises:
        Misconfigured: the schema is not an Avro record with fields.

    """
    named: dict[str, Any] = {}
    try:
        parsed: Any = parse_schema(parse_json(text), named)
    except InvalidJson as invalid:
        raise Misconfigured(f"the schema is {invalid}") from None
    except Exception as error:  # noqa: BLE001  # fastavro raises any exception for an invalid schema
        raise Misconfigured(f"the schema is not an Avro record with fields ({type(error).__name__})") from None
    is_record = type(parsed) is dict and parsed.get("type") == "record" and parsed["fields"]
    if not is_record or not all(type(field["name"]) is str for field in parsed["fields"]):
        raise Misconfigured("the schema is not an Avro record with fields")
    return parsed, named


def _choose_time(tried: Sequence[_TriedField]) -> Callable[[int], str | datetime]:
    """Return how to convert `stream_time`: to text, or to a datetime if its type is a logical type."""
    is_text = all(_accepts(field, to_iso(0)) for field in tried if field.name == _STREAM_TIME)
    return to_iso if is_text else _to_datetime


def _to_datetime(epoch_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=epoch_ms)


def _refuse_unfillable(tried: Sequence[_TriedField], samples: Mapping[str, Sequence[Any]]) -> None:
    """Refuse fields that no event can fill, and fields that require a detail that some events lack."""
    unfillable = [field.name for field in tried if not _can_fill(field, samples)]
    details = [f"{name} ({_TYPES[name]})" for name in unfillable if name in _TYPES]
    others = [name for name in unfillable if name not in _TYPES]
    seldom = [name for name in _TYPES if name not in ALWAYS_KNOWN]
    needed = [field.name for field in tried if field.name in seldom and not _can_be_absent(field)]
    problems = []
    if details:
        problems.append(
            "these fields of the registry's schema have types that do not accept the values of events: "
            f"{', '.join(details)}; change their types or names"
        )
    if others:
        problems.append(
            f"events cannot fill these fields of the registry's schema: {', '.join(others)}; give them a default or "
            "another type"
        )
    if needed:
        problems.append(
            f"not every event has these fields of the registry's schema: {', '.join(needed)}; make them nullable or "
            "give them a default"
        )
    if problems:
        raise Misconfigured(f"{'; '.join(problems)}, or choose another version with {_VERSION}")


def _can_fill(field: _TriedField, samples: Mapping[str, Sequence[Any]]) -> bool:
    if field.name not in samples:
        return "default" in field.definition
    return all(_accepts(field, each) and _round_trips(field, each) for each in samples[field.name])


def _can_be_absent(field: _TriedField) -> bool:
    return "default" in field.definition or _accepts(field, None)


def _accepts(field: _TriedField, value: object) -> bool:
    """Return whether the field's type accepts this value."""
    try:
        return bool(validate({field.name: value}, field.record, raise_errors=False))
    except Exception:  # noqa: BLE001  # fastavro parses text for a logical type, and raises any exception
        return False


def _round_trips(field: _TriedField, value: object) -> bool:
    """Return whether a value that the field's type accepts is read as it was written.

    A date loses the time of day. fastavro writes any text as logical type uuid, but reads only UUIDs
    (https://github.com/fastavro/fastavro/issues/838).
    """
    try:
        read = _to_texts(_read(_write({field.name: value}, field), field))
        return bool(read == {field.name: value})
    except Exception:  # noqa: BLE001  # fastavro cannot write or read the value
        return False


def _write(values: Mapping[str, Any], field: _TriedField) -> bytes:
    avro = BytesIO()
    schemaless_writer(avro, field.record, values)
    return avro.getvalue()


def _read(avro: bytes, field: _TriedField) -> Any:  # noqa: ANN401  # fastavro's own
    return schemaless_reader(BytesIO(avro), field.record, None)


def _to_texts(read: Any) -> Any:  # noqa: ANN401  # fastavro's own
    """Convert UUIDs that fastavro has read to text, as events contain them."""
    if type(read) is dict:
        return {name: _to_texts(value) for name, value in read.items()}
    return str(read) if type(read) is UUID else read


def _refuse_unusable_default(field: _TriedField, samples: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a default that fastavro cannot write, such as bytes, or cannot read."""
    name = field.name
    given: list[dict[str, Any]] = [{name: sample} for sample in samples.get(name, ())]
    if name not in FeatureAvailabilityEvent._fields and "default" in field.definition:
        _refuse_endless(field.definition, field.named)
        given.append({})
    what = "written"
    try:
        written = [_write(values, field) for values in given]
        what = "read by consumers"
        for avro in written:
            _read(avro, field)
    except Exception as error:  # noqa: BLE001  # fastavro raises any exception
        raise Misconfigured(
            f"the default of field {name} in the registry's schema cannot be {what} ({type(error).__name__}): make it "
            f"null, or choose another version with {_VERSION}"
        ) from None


def _refuse_endless(field: Field, named: Named) -> None:
    """Refuse a default that contains itself: a record whose field defaults to a record of the same type.

    fastavro's C code would recurse until the process crashes, even in the preflight check.
    """
    left: list[tuple[Any, Any]] = [(field["type"], field["default"])]
    for _ in range(_MOST_DEFAULTS):
        if not left:
            return
        kind, value = left.pop()
        kind = named.get(kind, kind) if type(kind) is str else kind
        if type(kind) is list:
            left += [(branch, value) for branch in kind]  # fastavro may use any branch
        elif type(kind) is dict and type(value) is dict and "fields" in kind:
            left += [(each["type"], value.get(each["name"], each.get("default"))) for each in kind["fields"]]
        elif type(kind) is dict and type(value) is dict and "values" in kind:
            left += [(kind["values"], each) for each in value.values()]
        elif type(kind) is dict and type(value) is list and "items" in kind:
            left += [(kind["items"], each) for each in value]
    raise Misconfigured(
        f"the default of field {field['name']} in the registry's schema contains itself, or more than "
        f"{_MOST_DEFAULTS:,} values: make it null, or choose another version with {_VERSION}"
    )
