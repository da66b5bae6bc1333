"""Whatever of an event a schema asks for, in any order and type: what a consumer decodes is what the record says.

The expectation is read from the raw record, by the fields' definitions and none of the function's code.
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
from tests.support.records import Json, to_item, to_record

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
"""One for each type."""
TENANT = {"name": "tenant", "type": "string", "default": "none"}


@st.composite
def fields_of(draw: st.DrawFn, name: str) -> Json:
    """A field of this name, of any type that it may have."""
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
    """A schema with some of the fields and perhaps one of a team's own, in any order."""
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
    """A write, with or without what a record need not have."""
    kind = draw(st.sampled_from(["INSERT", "MODIFY"]))
    old = draw(st.none() | ITEMS) if kind == "MODIFY" else None
    record = to_record(draw(st.integers(0, 99)), kind=kind, item=draw(ITEMS), old=old)
    if draw(st.booleans()):
        del record["dynamodb"]["ApproximateCreationDateTime"]
    return record


def to_details(record: Json) -> dict[str, Any]:
    """What the record says beyond the nine fields; None where it does not."""
    body = record["dynamodb"]
    new, old = (body.get(image, {}).get("features", {}).get("M", {}).get("data", {}).get("M") for image in IMAGES)
    is_known = record["eventName"] == "INSERT" or old is not None
    old = old or {}
    return {
        "change": record["eventName"],
        "table": record["eventSourceARN"].split("/")[1],
        "sequence_number": body["SequenceNumber"],
        "stream_time": body.get("ApproximateCreationDateTime"),
        "changed_features": [name for name in new if new[name] != old.get(name)] if is_known else None,
        "removed_features": [name for name in old if name not in new] if is_known else None,
        "backfill": False,
    }


IMAGES = ("NewImage", "OldImage")


def to_expected(field: Json, values: dict[str, Any]) -> object:
    """What a consumer finds in this field."""
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
    """Seconds, or a default as it is written, as a reader has them."""
    if "string" not in types:
        return datetime.fromtimestamp(float(str(value)), UTC)
    is_seconds = isinstance(value, int)
    return f"{datetime.fromtimestamp(float(str(value)), UTC):%Y-%m-%dT%H:%M:%S}.000Z" if is_seconds else value


@given(schemas(), st.lists(records(), min_size=1, max_size=4))
def test_prepare__writes_what_the_records_say(schema: Json, written: list[Json]) -> None:
    """Also what is kept from the events before, and also when a record is redriven."""
    pipeline = to_pipeline(FakePublisher(), FakeDeadLetters())
    nine = [json_of(message.value) for message in pipeline.prepare(written, range(len(written))).messages.values()]
    asked = with_encoder(pipeline, codec=Codec(json.dumps(schema)))
    messages = asked.prepare(written, range(len(written))).messages
    for position, record in enumerate(written):
        values = {**nine[position], **to_details(record), "tenant": "none"}
        value = messages[position].value
        expected = {field["name"]: to_expected(field, values) for field in schema["fields"]}
        assert read_avro(json.dumps(schema)).read(value.removeprefix(PREFIX)) == expected
        redriven = read_record(to_dead_letter(record, PoisonRecord("too large"), "dead-letters/").body)
        assert asked.prepare([redriven], range(1)).messages[0] == messages[position]


def json_of(value: bytes) -> dict[str, Any]:
    """The nine fields, as a consumer of version 1 has them."""
    return dict(read_avro(SHIPPED_SCHEMA).read(value.removeprefix(PREFIX)))
