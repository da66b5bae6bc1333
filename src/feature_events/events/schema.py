"""Names the schema that events are written by, and those that are shipped with the function."""

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
from feature_events.json_text import InvalidJson, parse_json

type SchemaId = int | UUID
"""The id of a schema: a number in a registry with Confluent's interface, the UUID of a schema version in AWS Glue."""

DEFAULT_SCHEMA_FILE = "feature_trigger.avsc"
SCHEMA_FILES = (DEFAULT_SCHEMA_FILE, "feature_trigger_v2.avsc")
"""The schemas that are deployed with the function, as files in `schemas`."""

_VERSION = "Schema=version:N (SCHEMA_VERSION)"


class Schema(NamedTuple):
    """An Avro schema and the id that the registry gave it."""

    id: SchemaId
    text: str


def read_shipped_schema(file: str) -> str:
    """The text of a shipped schema, by the name of its file."""
    return (Path(__file__).parent / file).read_text()


SHIPPED_SCHEMA = read_shipped_schema(DEFAULT_SCHEMA_FILE)
"""The one that is written by where SCHEMA_FILE names none."""


type Field = Mapping[str, Any]
"""A field of an Avro record, as its schema has it."""

type Named = Mapping[str, Any]
"""The types that a schema defines, by their names: a field may use one that a field before it defines."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STREAM_TIME = "stream_time"

_MOST_DEFAULTS = 10_000
"""The most values, nested ones included, that one default may have."""

_UUID = "123e4567-e89b-12d3-a456-426614174000"
_TEXTS = ("text", "", "7", "2025-10-10", _UUID)
"""Texts of which some look like a logical type: in a union with that type, fastavro would not write them as text."""

# A field's type has to hold all of its samples. fastavro takes a tuple in a union for a pair of branch and value, so
# features are given to it as a list
_SAMPLES: Mapping[str, Sequence[Any]] = {
    **dict.fromkeys((*FeatureAvailabilityEvent._fields, *EventDetails._fields), _TEXTS),
    "event_id": [_UUID],
    "features": [[*_TEXTS]],
    "change": ["INSERT", "MODIFY"],
    "changed_features": [[*_TEXTS]],
    "removed_features": [[*_TEXTS]],
    "backfill": [False, True],
}

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(EventDetails._fields, "string"),
    "stream_time": "string, timestamp-millis or timestamp-micros",
    "changed_features": "array of string",
    "removed_features": "array of string",
    "backfill": "boolean",
}
"""What holds each detail, as a message says it."""


class SchemaFields(NamedTuple):
    """The fields of a schema that events can fill, in its order."""

    fields: Sequence[Field]
    named: Named
    to_time: Callable[[int], str | datetime]
    """Makes of milliseconds since the epoch what the type of `stream_time` holds."""
    absent: Mapping[str, Any]
    """What a detail is where it is not known, by its name: null where its type holds that, else its default."""

    def fill(self, name: str, value: Any) -> Any:  # noqa: ANN401  # fastavro's own
        """What this field holds where an event has this value."""
        if value is None:
            return self.absent.get(name)
        return self.to_time(value) if name == _STREAM_TIME else value


class _Part:
    """A field, and the record that has this field alone, by which values are tried."""

    def __init__(self, field: Field, named: Named) -> None:
        self.field = field
        self.name: str = field["name"]
        self.named = named

    @cached_property
    def record(self) -> Any:  # noqa: ANN401  # fastavro's own
        """The record, parsed once; to parse it takes longer than to try a value."""
        return to_record([self.field], self.named)


def read_fields(text: str) -> SchemaFields:
    """The fields of this schema.

    Args:
        text: the schema, as JSON.

    Raises:
        Misconfigured: the schema is no Avro record, or has fields that no event can fill; they are named.

    """
    try:
        parsed, named = parse_record(text)
    except Misconfigured as error:
        raise Misconfigured(f"{error}: set {_VERSION} to a version that is") from None
    fields = list(parsed["fields"])
    parts = [_Part(field, named) for field in fields]
    to_time = _choose_time(parts)
    samples = {**_SAMPLES, _STREAM_TIME: [to_time(0)]}
    _refuse_unfillable(parts, samples)
    for part in parts:
        _refuse_unusable(part, samples)
    absent = {
        part.name: None if _holds(part, None) else part.field.get("default")
        for part in parts
        if part.name in EventDetails._fields
    }
    return SchemaFields(fields, named, to_time, absent)


def to_record(fields: Sequence[Field], named: Named) -> Any:  # noqa: ANN401  # fastavro's own
    """A record of some of the schema's fields, under a name that the schema has not."""
    return parse_schema({"type": "record", "name": "FeatureEventsCodecPart", "fields": list(fields)}, dict(named))


def parse_record(text: str) -> tuple[Mapping[str, Any], Named]:
    """A schema, as fastavro has it, and the types that it defines.

    Raises:
        Misconfigured: it is not an Avro record with fields.

    """
    named: dict[str, Any] = {}
    try:
        parsed: Any = parse_schema(parse_json(text), named)
    except InvalidJson as invalid:
        raise Misconfigured(f"the schema is {invalid}, not an Avro record with fields") from None
    except Exception as error:  # noqa: BLE001  # fastavro raises anything for a schema of a wrong form
        raise Misconfigured(f"the schema ({type(error).__name__}) is not an Avro record with fields") from None
    is_record = type(parsed) is dict and parsed.get("type") == "record" and parsed["fields"]
    if not is_record or not all(type(field["name"]) is str for field in parsed["fields"]):
        raise Misconfigured("the schema is not an Avro record with fields")
    return parsed, named


def _choose_time(parts: Sequence[_Part]) -> Callable[[int], str | datetime]:
    """Text where the schema's `stream_time` holds it; else a datetime, which fastavro writes as a logical type."""
    holds_text = all(_holds(part, to_iso(0)) for part in parts if part.name == _STREAM_TIME)
    return to_iso if holds_text else _to_datetime


def _to_datetime(epoch_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=epoch_ms)


def _refuse_unfillable(parts: Sequence[_Part], samples: Mapping[str, Sequence[Any]]) -> None:
    """Refuses a schema that asks for more than an event has, or always for what is not always known."""
    unfillable = [part.name for part in parts if not _can_fill(part, samples)]
    details = [f"{name} ({_TYPES[name]})" for name in unfillable if name in _TYPES]
    others = [name for name in unfillable if name not in _TYPES]
    seldom = [name for name in _TYPES if name not in ALWAYS_KNOWN]
    needed = [part.name for part in parts if part.name in seldom and not _can_be_absent(part)]
    problems = []
    if details:
        problems.append(
            "these fields of the registry's schema have types that cannot hold what an event has by these names: "
            f"{', '.join(details)}; change their types or their names there"
        )
    if others:
        problems.append(
            f"a FeatureAvailabilityEvent cannot fill these fields of the registry's schema: {', '.join(others)}; "
            "give them a default or another type there"
        )
    if needed:
        problems.append(
            f"not every event has these fields of the registry's schema: {', '.join(needed)}; make them nullable or "
            "give them a default there"
        )
    if problems:
        raise Misconfigured(f"{'; '.join(problems)}, or choose another version with {_VERSION}")


def _can_fill(part: _Part, samples: Mapping[str, Sequence[Any]]) -> bool:
    if part.name not in samples:
        return "default" in part.field
    return all(_holds(part, each) and _keeps(part, each) for each in samples[part.name])


def _can_be_absent(part: _Part) -> bool:
    return "default" in part.field or _holds(part, None)


def _holds(part: _Part, value: object) -> bool:
    """Return whether the field's type holds this value."""
    try:
        return bool(validate({part.name: value}, part.record, raise_errors=False))
    except Exception:  # noqa: BLE001  # fastavro reads a text as the date that a logical type is, and raises anything
        return False


def _keeps(part: _Part, value: object) -> bool:
    """Return whether a value that the field's type holds is read as it was written.

    Of a time, a date keeps the day alone. fastavro writes any text as logical type uuid, and can read UUIDs alone
    (https://github.com/fastavro/fastavro/issues/838).
    """
    try:
        read = _to_written(_read(_write({part.name: value}, part), part))
        return bool(read == {part.name: value})
    except Exception:  # noqa: BLE001  # a value that fastavro cannot write or read
        return False


def _write(values: Mapping[str, Any], part: _Part) -> bytes:
    avro = BytesIO()
    schemaless_writer(avro, part.record, values)
    return avro.getvalue()


def _read(avro: bytes, part: _Part) -> Any:  # noqa: ANN401  # fastavro's own
    return schemaless_reader(BytesIO(avro), part.record, None)


def _to_written(read: Any) -> Any:  # noqa: ANN401  # fastavro's own
    """Convert what fastavro has read to what an event has: a UUID to its text."""
    if type(read) is dict:
        return {name: _to_written(value) for name, value in read.items()}
    return str(read) if type(read) is UUID else read


def _refuse_unusable(part: _Part, samples: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a default that fastavro cannot write, such as one of bytes, or that it cannot read again."""
    name = part.name
    given: list[dict[str, Any]] = [{name: sample} for sample in samples.get(name, ())]
    if name not in FeatureAvailabilityEvent._fields and "default" in part.field:
        _refuse_endless(part.field, part.named)
        given.append({})
    what = "written"
    try:
        written = [_write(values, part) for values in given]
        what = "read by consumers"
        for avro in written:
            _read(avro, part)
    except Exception as error:  # noqa: BLE001  # whatever fastavro raises
        raise Misconfigured(
            f"the default of field {name} in the registry's schema cannot be {what} ({type(error).__name__}): make it "
            f"null, or choose another version with {_VERSION}"
        ) from None


def _refuse_endless(field: Field, named: Named) -> None:
    """Refuse a default that contains itself: a record whose field defaults to a record of the same type.

    fastavro's C code would recurse until the process crashes, and with it the preflight check.
    """
    left: list[tuple[Any, Any]] = [(field["type"], field["default"])]
    for _ in range(_MOST_DEFAULTS):
        if not left:
            return
        kind, value = left.pop()
        kind = named.get(kind, kind) if type(kind) is str else kind
        if type(kind) is list:
            left += [(branch, value) for branch in kind]  # fastavro may try each
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
