"""Readers of any schema version can read events of any other, as docs/consuming.md says."""

import itertools
import json
from io import BytesIO
from typing import Any

import avro.io
import avro.schema
import pytest

from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.registries.compatibility import find_breaks
from tests.contract.schema_versions import (
    DOCUMENT,
    MARKERS,
    Version,
    read_by_apache,
    read_by_fastavro,
    read_versions,
    to_expected,
    to_table,
)

VERSIONS = read_versions()
VERSION = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
PAIRS = list(itertools.product(VERSIONS, VERSIONS))
PAIR = pytest.mark.parametrize(("writer", "reader"), PAIRS, ids=[f"{a.name} to {b.name}" for a, b in PAIRS])
STREAM_TIME_MS = 1_760_099_697_000
"""The time that the events contain as text."""


@VERSION
def test_bytes__equal_those_of_the_reference_implementation(version: Version) -> None:
    """Apache Avro still writes the same bytes."""
    out = BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(version.schema))).write(version.event, avro.io.BinaryEncoder(out))
    assert out.getvalue() == version.avro


@VERSION
def test_encode__produces_these_bytes(version: Version) -> None:
    """The codec fills the fields of each version by their names."""
    given: dict[str, Any] = {
        name: tuple(value) if type(value) is list else value for name, value in version.event.items()
    }
    event = FeatureAvailabilityEvent(**{name: given[name] for name in FeatureAvailabilityEvent._fields})
    details = EventDetails(None, "", None, None, None, None, backfill=False)
    details = details._replace(**{name: given[name] for name in EventDetails._fields if name in given})
    details = details._replace(stream_time=STREAM_TIME_MS if details.stream_time else None)
    assert Codec(json.dumps(version.schema)).encode(event + details) == version.avro


@PAIR
def test_readers__read_events_of_other_versions(writer: Version, reader: Version) -> None:
    """Both libraries read the written fields, and defaults for the others."""
    expected = to_expected(writer, reader)
    assert read_by_fastavro(writer, reader) == expected
    assert read_by_apache(writer, reader) == expected


@PAIR
def test_find_breaks__finds_none(writer: Version, reader: Version) -> None:
    """The compatibility check accepts versions that readers can read."""
    assert list(find_breaks(json.dumps(reader.schema), json.dumps(writer.schema))) == []


def test_document__contains_the_table() -> None:
    """The documentation describes what the libraries read."""
    begin, end = MARKERS
    assert DOCUMENT.read_text().partition(begin)[2].partition(end)[0] == to_table(VERSIONS)
