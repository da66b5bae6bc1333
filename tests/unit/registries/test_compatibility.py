"""A schema that would break consumers of any version is refused, with version, direction and field."""

import itertools
import json
from typing import Any

import avro.compatibility
import avro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_events.errors import Misconfigured
from feature_events.events.schema import SCHEMA_FILES, SHIPPED_SCHEMA, read_shipped_schema
from feature_events.registries.compatibility import find_breaks, refuse_breaking

VERSION_2 = read_shipped_schema("feature_trigger_v2.avsc")
FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]

AS_LONG, AS_STRING = "event_id is written as string and read as long", "event_id is written as long and read as string"
NOTE = "note is not written and has no default"
NULLABLE = "event_id is written as null or string and read as string"

TYPES: list[Any] = [
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "string",
    "bytes",
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "enum", "name": "Color", "symbols": ["RED"]},
    {"type": "enum", "name": "Color", "symbols": ["RED", "GREEN"]},
    {"type": "enum", "name": "Color", "symbols": ["BLUE"], "default": "BLUE"},
    {"type": "enum", "name": "Shade", "symbols": ["RED"]},
    {"type": "enum", "name": "Shade", "symbols": ["RED"], "aliases": ["Color"]},
    {"type": "fixed", "name": "Hash", "size": 4},
    {"type": "fixed", "name": "Hash", "size": 8},
    {"type": "fixed", "name": "Sum", "size": 4},
    {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]},
    {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "long"}]},
    {"type": "record", "name": "Point", "fields": [{"name": "y", "type": "int", "default": 0}]},
    {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "int"}]},
    {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]},
    {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "int", "Node"]}]},
]
SHIPPED_TYPES = list(
    {
        json.dumps(field["type"]): field["type"]
        for text in map(read_shipped_schema, SCHEMA_FILES)
        for field in json.loads(text)["fields"]
    }.values()
)
HOLDERS = [
    lambda kind: kind,
    lambda kind: {"type": "array", "items": kind},
    lambda kind: {"type": "map", "values": kind},
    lambda kind: ["null", kind] if kind != "null" else ["null"],
    lambda kind: [kind, "string"] if kind != "string" else ["string"],
]
SHIPPED_KINDS = st.sampled_from(SHIPPED_TYPES)
KINDS = st.builds(lambda holder, kind: holder(kind), st.sampled_from(HOLDERS), st.sampled_from(TYPES))


def to_schema(*fields: object, name: str = "FeatureAvailabilityEvent") -> str:
    """Return a schema with these fields."""
    return json.dumps({"type": "record", "name": name, "fields": list(fields)})


def is_compatible(reader: str, writer: str) -> bool:
    """Return Apache Avro's result."""
    checker: Any = avro.compatibility.ReaderWriterCompatibilityChecker  # it has no type hints
    result = checker().get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    return result.compatibility is avro.compatibility.SchemaCompatibilityType.compatible


def test_find_breaks__agrees_with_apache_avro_for_each_pair_of_types() -> None:
    """Each pair consists of a type in a shipped schema and any other type, in both directions."""
    for read, written in [*itertools.product(TYPES, SHIPPED_TYPES), *itertools.product(SHIPPED_TYPES, TYPES)]:
        reader, writer = to_schema({"name": "b", "type": read}), to_schema({"name": "b", "type": written})
        assert (find_breaks(reader, writer) == []) == is_compatible(reader, writer), (read, written)


@given(st.one_of(st.tuples(KINDS, SHIPPED_KINDS), st.tuples(SHIPPED_KINDS, KINDS)), st.booleans())
def test_find_breaks__agrees_with_apache_avro(kinds: tuple[object, object], has_field: bool) -> None:  # noqa: FBT001  # Hypothesis passes it by position
    """This includes nested types, unions, and schemas without the field."""
    read, written = kinds
    reader = to_schema({"name": "a", "type": "string"}, {"name": "b", "type": read})
    writer = to_schema(*([{"name": "b", "type": written}] * has_field), {"name": "a", "type": "string"})
    breaks = find_breaks(reader, writer)
    assert (breaks == []) == is_compatible(reader, writer)
    assert all(each.startswith("b ") for each in breaks)


@pytest.mark.parametrize("aliases", [[], ["b"]])
def test_find_breaks__accepts_an_alias_of_the_reader(aliases: list[str]) -> None:
    """An alias renames a field for readers only."""
    reader, writer = (
        to_schema({"name": "a", "type": "int", "aliases": aliases}),
        to_schema({"name": "b", "type": "int"}),
    )
    assert (find_breaks(reader, writer) == []) == is_compatible(reader, writer) == bool(aliases)


def test_refuse_breaking__accepts_the_shipped_versions() -> None:
    """Each can be registered after the other."""
    for file in SCHEMA_FILES:
        refuse_breaking(file, read_shipped_schema(file), "events-value", {1: SHIPPED_SCHEMA, 2: VERSION_2})


@pytest.mark.parametrize(
    ("schema", "reasons"),
    [
        (
            to_schema(*FIELDS, {"name": "note", "type": "string"}),
            [f"Consumers with new.avsc cannot read events of version 3: {NOTE}"],
        ),
        (
            to_schema(*FIELDS[1:]),
            ["Consumers with version 3 cannot read events of new.avsc: event_id is not written and has no default"],
        ),
        (
            to_schema({"name": "event_id", "type": ["null", "string"]}, *FIELDS[1:]),
            [f"Consumers with version 3 cannot read events of new.avsc: {NULLABLE}"],
        ),
        (
            to_schema({"name": "event_id", "type": "long"}, *FIELDS[1:], {"name": "note", "type": "int"}),
            [
                f"Consumers with new.avsc cannot read events of version 3: {AS_LONG}; {NOTE}",
                f"Consumers with version 3 cannot read events of new.avsc: {AS_STRING}",
            ],
        ),
        (
            to_schema(*FIELDS, name="Other"),
            [
                "Consumers with new.avsc cannot read events of version 3: the record has another name",
                "Consumers with version 3 cannot read events of new.avsc: the record has another name",
            ],
        ),
    ],
)
def test_refuse_breaking__names_field_version_and_direction(schema: str, reasons: list[str]) -> None:
    """Another version that is compatible changes nothing."""
    with pytest.raises(Misconfigured) as raised:
        refuse_breaking("new.avsc", schema, "events-value", {2: schema, 3: SHIPPED_SCHEMA})
    assert str(raised.value) == (
        "new.avsc breaks consumers of subject events-value. Do one of these: add and remove only fields with a "
        "default, without changing types; delete versions that no event in the topic uses; set TopicName "
        "(TOPIC_NAME) to another topic. " + ". ".join(reasons)
    )


def test_refuse_breaking__names_a_version_that_is_not_a_record() -> None:
    """The schema cannot be compared with it, so it is not registered."""
    with pytest.raises(Misconfigured, match=r"new.avsc cannot be compared with version 4 of s: the schema is not"):
        refuse_breaking("new.avsc", SHIPPED_SCHEMA, "s", {4: '"string"'})


DEEP = '{"type": "array", "items": ' * 5000 + '"string"' + "}" * 5000


@pytest.mark.parametrize(
    "version",
    [
        '{"type": "record", "name": "E", "fields": [{"name": {}, "type": "string"}]}',
        f'{{"type": "record", "name": "E", "fields": [{{"name": "event_id", "type": {DEEP}}}]}}',
        "[" * 60_000,
    ],
    ids=["name", "deep", "brackets"],
)
def test_refuse_breaking__names_a_version_that_is_not_avro(version: str) -> None:
    """For any content, the message contains the version and the remedy."""
    with pytest.raises(Misconfigured, match=r"cannot be compared with version 4 of s: .*; delete that version"):
        refuse_breaking("feature_trigger.avsc", SHIPPED_SCHEMA, "s", {4: version})


def test_refuse_breaking__ignores_invalid_aliases() -> None:
    """Aliases that are not names pass fastavro's parser."""
    schema = json.loads(SHIPPED_SCHEMA)
    fields = [{**field, "aliases": [1]} for field in schema["fields"]]
    version = json.dumps({**schema, "name": "Other", "aliases": [1, schema["name"]], "fields": fields})
    with pytest.raises(
        Misconfigured,
        match=r"Consumers with feature_trigger.avsc cannot read events of version 4: the record has another name$",
    ):
        refuse_breaking("feature_trigger.avsc", SHIPPED_SCHEMA, "s", {4: version})
