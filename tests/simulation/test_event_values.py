"""Generated events are encoded like by fastavro, and any text is a valid time or empty."""

import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from feature_events.epoch import read_iso
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro
from tests.support.pipelines import CODEC

texts = st.text(max_size=100) | st.text(st.sampled_from("aé🦊"), min_size=1000, max_size=3000)


@given(st.tuples(*[texts] * 8), st.lists(st.text(max_size=20), max_size=70))
def test_encode__writes_the_same_bytes_as_fastavro(fields: tuple[str, ...], features: list[str]) -> None:
    """The bytes equal those that fastavro writes for the whole event."""
    event = FeatureAvailabilityEvent._make((*fields, tuple(features)))
    expected = read_avro(SHIPPED_SCHEMA).write({**event._asdict(), "features": features})
    assert CODEC.encode(event) == expected


@given(st.datetimes(), st.sampled_from(["", "Z", "+00:00"]), st.sampled_from(["milliseconds", "microseconds"]))
def test_read_iso__accepts_every_date(time: datetime, zone: str, precision: str) -> None:
    """A time in UTC is cut to milliseconds, for every date from year 1 to 9999."""
    text = time.isoformat(timespec=precision) + zone
    assert read_iso(text) == time.isoformat(timespec="milliseconds") + "Z"


@given(st.text() | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()))
def test_read_iso__returns_one_form(text: str) -> None:
    """Any text becomes empty or the one form that consumers parse."""
    assert re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)?", read_iso(text))
