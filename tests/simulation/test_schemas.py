"""Generated schemas: a consumer decodes the values of the record, for any fields, order and types.

The expected values come from the raw record and the definitions of the fields, without the function's code.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from feature_events.errors import PoisonRecord
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.failures.dead_letters import read_record, to_dead_letter
from tests.support.avro import read_avro
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import PREFIX, to_pipeline, with_encoder
from tests.support.records import Json, to_item, to_record, to_removal_record

NINE, DETAILS = FeatureAvailabilityEvent._fields, EventDetails._fields
NAMES = {"type": "array", "items": "string"}
TIMES: list[Any] = ["string", *({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))]
TYPES: dict[str, list[Any]] = {
    **{name: ["string"] for name in NINE},
    **{name: ["string"] for name in DETAILS},
    "event_id": ["string", {"type": "string", "logicalType": "uuid"}],
    "features": [NAMES],
    "stream_time": TIMES,
    "changed_features": [NAMES],
    "removed_features": [NAMES],
    "backfill": ["boolean"],
}
DEFAULTS: dict[str, list[Any]] = {
    **{name: [["unknown"] if types == [NAMES] else "unknown"] for name, types in TYPES.items()},
    "event_id": ["unknown", str(UUID(int=0))],
    "stream_time": ["1970-01-01T00:00:00.000Z", 0, 0],
    "backfill": [True],
}
"""One default for each type."""
TENANT = {"name": "tenant", "type": "string", "default": "none"}


@st.composite
def fields_of(draw: st.DrawFn, name: str) -> Json:
    """Draw a field of this name, with any of its types."""
    choice = draw(st.integers(0, len(TYPES[name]) - 1))
    kind = TYPES[name][choice]
    form = draw(st.sampled_from(["plain", "null first", "null last", "defaulted"]))
    if form == "null first":
        return {"name": name, "type": ["null", kind], "default": None}
    if form == "null last":
        return {"name": name, "type": [kind, "null"]}
    if form == "defaulted" or name in set(DETAILS) - {"table", "backfill"}:
        return {"name": name, "type": kind, "default": DEFAULTS[name][choice]}
    return {"name": name, "type": kind}


@st.composite
def schemas(draw: st.DrawFn) -> Json:
    """Draw a schema with some of the fields, and perhaps a team's custom field, in any order."""
    names = draw(st.lists(st.sampled_from((*NINE, *DETAILS, "tenant")), unique=True, min_size=1))
    fields = [TENANT if name == "tenant" else draw(fields_of(name)) for name in names]
    return {"type": "record", "name": "E", "fields": fields}


ITEMS = st.builds(
    lambda names, value: to_item(tuple(names), value=value),
    st.lists(st.sampled_from(["age", "income", "city", "", "🦊"]), unique=True, min_size=1),
    st.integers(1, 2),
)


@st.composite
def records(draw: st.DrawFn) -> Json:
    """Draw a write or a deletion, with or without the optional parts of a record."""
    kind = draw(st.sampled_from(["INSERT", "MODIFY", "REMOVE"]))
    old = draw(st.none() | ITEMS) if kind != "INSERT" else None
    if kind == "REMOVE":
        return to_removal_record(draw(st.integers(0, 99)), old=old)
    record = to_record(draw(st.integers(0, 99)), kind=kind, item=draw(ITEMS), old=old)
    if draw(st.booleans()):
        del record["dynamodb"]["ApproximateCreationDateTime"]
    return record


def to_details(record: Json) -> dict[str, Any]:
    """Return the values of the later fields; a value is None if the record does not contain it."""
    body = record["dynamodb"]
    new, old = (body.get(image, {}).get("features", {}).get("M", {}).get("data", {}).get("M") for image in IMAGES)
    is_known = record["eventName"] == "INSERT" or old is not None
    new, old = new or {}, old or {}
    return {
        "change": record["eventName"],
        "table": record["eventSourceARN"].split("/")[1],
        "sequence_number": body["SequenceNumber"],
        "stream_time": body.get("ApproximateCreationDateTime"),
        "changed_features": [name for name in new if new[name] != old.get(name)] if is_known else None,
        "removed_features": [name for name in old if name not in new] if is_known else None,
        "backfill": False,
        "removal": "deleted" if record["eventName"] == "REMOVE" else None,
    }


IMAGES = ("NewImage", "OldImage")


def to_expected(field: Json, values: dict[str, Any]) -> object:
    """Return the value that a consumer decodes from this field."""
    name, types = field["name"], field["type"] if type(field["type"]) is list else [field["type"]]
    value = values[name]
    if value is None and "null" in types:
        return None
    if name == "stream_time":
        return to_expected_time(types, field.get("default") if value is None else value)
    if name == "event_id" and "string" not in types:
        return UUID(str(value))
    return field["default"] if value is None else value


def to_expected_time(types: list[Any], value: object) -> object:
    """Return the decoded form of a time: seconds, or a default as written in the schema."""
    if "string" not in types:
        return datetime.fromtimestamp(float(str(value)), UTC)
    is_seconds = isinstance(value, int)
    return f"{datetime.fromtimestamp(float(str(value)), UTC):%Y-%m-%dT%H:%M:%S}.000Z" if is_seconds else value


@given(schemas(), st.lists(records(), min_size=1, max_size=4))
def test_prepare__writes_the_values_of_the_records(schema: Json, written: list[Json]) -> None:
    """The values do not depend on earlier events, and a redriven record has the same message."""
    pipeline = with_encoder(to_pipeline(FakePublisher(), FakeDeadLetters()), removals="events")
    nine = [json_of(message.value) for message in pipeline.prepare(written, range(len(written))).messages.values()]
    generated = with_encoder(pipeline, codec=Codec(json.dumps(schema), with_removals=True))
    messages = generated.prepare(written, range(len(written))).messages
    for position, record in enumerate(written):
        values = {**nine[position], **to_details(record), "tenant": "none"}
        value = messages[position].value
        expected = {field["name"]: to_expected(field, values) for field in schema["fields"]}
        assert read_avro(json.dumps(schema)).read(value.removeprefix(PREFIX)) == expected
        redriven = read_record(to_dead_letter(record, PoisonRecord("too large"), "dead-letters/").body)
        assert generated.prepare([redriven], range(1)).messages[0] == messages[position]


def json_of(value: bytes) -> dict[str, Any]:
    """Decode the nine fields with schema version 1."""
    return dict(read_avro(SHIPPED_SCHEMA).read(value.removeprefix(PREFIX)))
