"""The pipeline keeps its promises for generated input."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from feature_events.deadline import Deadline
from feature_events.epoch import read_iso
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.message import Message
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.records.change import Change, Skipped, read_change
from tests.support.avro import read_avro
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import CODEC, to_pipeline
from tests.support.records import Json, number_of, to_item, to_record, to_unreadable_record

TIME_LEFT = Deadline(10**9)

text = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)  # lone surrogates too, as JSON allows
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
json_like = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8
)
attribute_types = st.sampled_from(["S", "N", "B", "M", "L", "NULL", "BOOL", "SS", "NS"])
attributes = st.recursive(
    st.dictionaries(attribute_types, scalars, max_size=2),
    lambda inner: st.dictionaries(st.just("M"), st.dictionaries(text, inner, max_size=3), min_size=1),
    max_leaves=8,
)


@st.composite
def mutated_records(draw: st.DrawFn) -> Any:  # noqa: ANN401  # any JSON value
    """Draw a valid record with up to three parts replaced by any value, or removed."""
    record = to_record(draw(st.integers(0, 9)), kind=draw(st.sampled_from(["INSERT", "MODIFY", "REMOVE"])))
    for _ in range(draw(st.integers(0, 3))):
        part: Any = record
        while True:
            name = draw(st.sampled_from(sorted(part, key=repr)))
            if type(part[name]) is dict and part[name] and draw(st.booleans()):
                part = part[name]
                continue
            if draw(st.booleans()):
                part[name] = draw(json_like | attributes)
            else:
                del part[name]
            break
        if not record:
            break
    return record


@given(json_like | mutated_records())
def test_read_change__returns_a_change_or_skip_or_raises_poison(record: Any) -> None:  # noqa: ANN401  # any JSON value
    """Only a stream without new images is misconfigured; no value raises another exception."""
    misconfigured = False
    try:
        assert isinstance(read_change(record), Change | Skipped)
    except PoisonRecord:
        pass
    except Misconfigured:
        misconfigured = True
    assert not misconfigured or record["dynamodb"]["StreamViewType"] in ("KEYS_ONLY", "OLD_IMAGE")


@given(st.lists(json_like | mutated_records(), max_size=5), st.sampled_from(["all", "changed"]))
def test_run__settles_every_record(records: list[Any], mode: Any) -> None:  # noqa: ANN401  # Hypothesis passes text for a Literal
    """Every record of any batch is delivered, skipped or dead-lettered."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    try:
        outcome = to_pipeline(publisher, letters, features_mode=mode).run(records, TIME_LEFT)
    except Misconfigured:
        return
    assert outcome.response() == {"batchItemFailures": []}
    assert len(publisher.log) + len(letters.letters) + sum(outcome.skipped.values()) == len(records)
    assert all(type(part) is bytes for message in publisher.log for part in (message.key, message.value))


KINDS = ["good", "skipped", "unreadable", "large", "lost"]
LARGE = tuple(f"feature_{number}" for number in range(200))


def to_batch(kinds: Sequence[str]) -> list[Json]:
    """Return one record of each of these kinds."""
    records = []
    for number, kind in enumerate(kinds):
        entity = "lost" if kind == "lost" else f"user-{number % 3}"
        match kind:
            case "unreadable":
                records.append(to_unreadable_record(number))
            case "skipped":
                records.append(to_record(number, kind="REMOVE"))
            case "large":
                records.append(to_record(number, item=to_item(LARGE)))
            case _:
                records.append(to_record(number, entity=entity))
    return records


def first_undelivered(kinds: Sequence[str], *, stores: bool) -> int | None:
    """Return the position that the response must name; `stores`: the dead-letter store works."""
    bad = {"lost"} if stores else {"lost", "unreadable", "large"}
    return next((position for position, kind in enumerate(kinds) if kind in bad), None)


@given(st.lists(st.sampled_from(KINDS), max_size=12), st.booleans())
def test_response__names_only_the_first_undelivered_record(kinds: list[str], stores: bool) -> None:  # noqa: FBT001  # Hypothesis passes it
    """The response does not depend on what fails or how."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters(works=stores)
    publisher.loses = lambda message: message.key == b"lost"
    records = to_batch(kinds)
    outcome = to_pipeline(publisher, letters).run(records, TIME_LEFT)
    first = first_undelivered(kinds, stores=stores)
    expected = [] if first is None else [{"itemIdentifier": number_of(records[first])}]
    assert outcome.response() == {"batchItemFailures": expected}


@given(st.lists(st.sampled_from(KINDS), max_size=12))
def test_retry__completes_in_order_with_recognizable_duplicates(kinds: list[str]) -> None:
    """A failed batch that is retried from the reported record is complete and in order."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters()
    publisher.loses = lambda message: message.key == b"lost"
    pipeline = to_pipeline(publisher, letters)
    records = to_batch(kinds)
    reported = pipeline.run(records, TIME_LEFT).first_undelivered
    if reported is not None:
        publisher.loses = lambda _: False
        assert pipeline.run(records[reported:], TIME_LEFT).first_undelivered is None
    firsts: dict[bytes, Message] = {}
    for message in publisher.log:
        assert firsts.setdefault(message.value, message) == message
    times = [message.timestamp_ms for message in firsts.values()]
    assert times == sorted(times)
    assert len(firsts) == kinds.count("good") + kinds.count("lost")
    numbers = {number_of(record) for record, _ in letters.letters}
    assert len(numbers) == kinds.count("unreadable") + kinds.count("large")


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
