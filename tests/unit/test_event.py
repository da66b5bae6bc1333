"""A Change gives the event that the former publisher would have sent, and the same one each time."""

from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.event import (
    FeatureAvailabilityEvent,
    to_epoch_ms,
    to_event,
    to_timestamp,
)
from feature_events.layouts.entity_features import EntityFeatures, read_compute_id, read_entity_features
from feature_events.layouts.table_layout import DEFAULT_LAYOUT
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings import FeaturesMode
from tests.support.records import WRITTEN, Json, to_item, to_record


def event_of(record: Json, mode: FeaturesMode = "all") -> FeatureAvailabilityEvent | Skipped:
    """The event of a record that is a change."""
    change = read_change(record)
    assert isinstance(change, Change)
    entity = read_entity_features(change, DEFAULT_LAYOUT, mode)
    return to_event(entity, change) if isinstance(entity, EntityFeatures) else entity


def features_of(record: Json, mode: FeaturesMode = "all") -> tuple[str, ...]:
    """The features that the record's event names."""
    event = event_of(record, mode)
    assert isinstance(event, FeatureAvailabilityEvent)
    return event.features


def test_to_event__fills_the_nine_fields() -> None:
    """Every field has its source in the record."""
    expected = FeatureAvailabilityEvent(
        event_id="11112222-3333-4444-5555-666677778888",
        event_type="feature_available",
        timestamp="2025-10-10T12:34:56.789Z",
        entity_type="bright_uid",
        entity_id="user-1",
        resource_type="feature",
        resource_name="user_features",
        compute_id="spark-job-0007",
        features=("age", "income"),
    )
    assert expected == event_of({**to_record(), "eventID": "11112222333344445555666677778888"})


def test_to_event__reads_older_rows() -> None:
    """An older row keeps its time and compute id in `metadata`."""
    event = event_of(to_record(item=to_item(metadata_name="metadata")))
    assert isinstance(event, FeatureAvailabilityEvent)
    assert (event.timestamp, event.compute_id) == (WRITTEN, "spark-job-0007")


def test_to_event__prefers_meta_to_metadata() -> None:
    """Where a row has both, `meta` is the newer."""
    item = to_item(compute_id="new")
    item["features"]["M"]["metadata"] = {"M": {"compute_id": {"S": "old"}}}
    event = event_of(to_record(item=item))
    assert isinstance(event, FeatureAvailabilityEvent)
    assert event.compute_id == "new"


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"features": {"NULL": True}},
        {"features": {"M": {}}},
        {"features": {"M": {"data": {"NULL": True}}}},
        {"features": {"M": {"data": {"M": {}}}}},
    ],
)
def test_to_event__skips_an_item_without_features(item: Json) -> None:
    """Nothing is available where there is nothing."""
    assert event_of(to_record(item=item)) is Skipped.NO_FEATURES


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"features": {"S": "age"}}, "features.data: features is not a map"),
        ({"features": []}, "features.data: features is not an attribute value"),
        ({"features": {"M": []}}, "features.data: features is not a map"),
        ({"features": {"M": {"data": {"L": []}}}}, "features.data: data is not a map"),
        ({"features": {"M": {"data": {"M": {"a": 1}}, "meta": {"S": "x"}}}}, "features.meta: meta is not a map"),
    ],
)
def test_to_event__refuses_an_item_of_another_layout(item: Json, reason: str) -> None:
    """What is there but of another type is said, not guessed at."""
    with pytest.raises(PoisonRecord, match=reason):
        event_of(to_record(item=item))


@pytest.mark.parametrize(
    ("keys", "entity", "resource"),
    [
        ({"account_pid": {"S": "a-1"}, "category": {"S": "loans"}}, ("account_pid", "a-1"), "loans"),
        ({"category": {"N": "7"}, "shop": {"N": "0.10"}}, ("shop", "0.10"), "7"),
        ({"device": {"B": "AAEC"}, "category": {"B": "Aw=="}}, ("device", "AAEC"), "Aw=="),
    ],
)
def test_to_event__takes_entity_and_resource_from_the_keys(keys: Json, entity: tuple[str, str], resource: str) -> None:
    """The partition key's name and value are the entity, the sort key's value is the resource."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    event = event_of(record)
    assert isinstance(event, FeatureAvailabilityEvent)
    assert (event.entity_type, event.entity_id, event.resource_name) == (*entity, resource)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "not two key attributes of which one is category"),
        ({"bright_uid": {"S": "u"}}, "not two key attributes of which one is category"),
        ({"bright_uid": {"S": "u"}, "b": {"S": "b"}}, "not two key attributes of which one is category"),
        ({"category": {"S": "c"}}, "not two key attributes of which one is category"),
        ({"category": {"S": "c"}, "a": {"S": "a"}, "b": {"S": "b"}}, "not two key attributes"),
        ({"category": {"S": "c"}, "a": {"S": "a"}, "": {"S": "b"}}, "not two key attributes"),
        ({"category": {"BOOL": True}, "a": {"S": "a"}}, "key attribute category "),
        ({"category": {"S": "c"}, "a": {"M": {}}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": {"S": 1}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": {"S": ""}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": "x"}, "key attribute a "),
    ],
)
def test_to_event__refuses_other_keys(keys: Json, reason: str) -> None:
    """A table with other keys is of another layout."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    with pytest.raises(PoisonRecord, match=reason):
        event_of(record)


def test_to_event__names_features_in_the_records_order() -> None:
    """All of the item's features are named, whatever changed."""
    record = to_record(kind="MODIFY", item=to_item(("z", "a", "")), old=to_item(("z", "a", "")))
    assert features_of(record) == ("z", "a", "")


@pytest.mark.parametrize(
    ("kind", "new", "old", "expected"),
    [
        ("INSERT", to_item(("a", "b")), None, ("a", "b")),
        ("MODIFY", to_item(("a", "b"), value=2), to_item(("a", "b"), value=1), ("a", "b")),
        ("MODIFY", to_item(("a", "b", "c")), to_item(("b",)), ("a", "c")),
        ("MODIFY", to_item(("a",)), {}, ("a",)),
        ("MODIFY", to_item(("a",)), {"features": {"S": "of another layout"}}, ("a",)),
    ],
)
def test_to_event__names_what_changed(kind: str, new: Json, old: Json | None, expected: tuple[str, ...]) -> None:
    """Under `changed`, a feature is named where its stored value is another than before."""
    assert features_of(to_record(kind=kind, item=new, old=old), "changed") == expected


def test_to_event__skips_what_did_not_change() -> None:
    """Under `changed`, a write of the same values, or one that takes a feature away, makes nothing new available."""
    record = to_record(kind="MODIFY", item=to_item(("a",), updated_at="2026-01-01"), old=to_item(("a", "b")))
    assert event_of(record, "changed") is Skipped.UNCHANGED


def test_to_event__needs_old_images_for_changes() -> None:
    """Under `changed`, a stream of new images only is a misconfiguration that says what to set."""
    with pytest.raises(Misconfigured, match="NEW_AND_OLD_IMAGES"):
        event_of(to_record(kind="MODIFY"), "changed")


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [
        ("0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"),
        ("0123456789ABCDEF0123456789ABCDEF", "01234567-89ab-cdef-0123-456789abcdef"),
        ("0B9D1F5E-3C62-4a58-9d4e-7f6a2b1c8e30", "0b9d1f5e-3c62-4a58-9d4e-7f6a2b1c8e30"),
        ("", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        (None, "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        (7, "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("\ud800", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("X", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("0123456789abcdef0123456789abcde", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("0123456789abcdef0123456789abcdef0", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("0123456789abcdef 123456789abcdef", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
        ("0b9d1f5e-3c62-4a58-9d4e-7f6a2b1c8e30\n", "369ea5d1-721a-5a64-bce2-f5192da64b64"),
    ],
)
def test_to_event__has_the_records_own_id_or_one_made_from_its_place(event_id: object, expected: str) -> None:
    """An id is never random, so that duplicates are recognisable."""
    record = {**to_record(), "eventID": event_id}
    record["dynamodb"]["SequenceNumber"] = "42"
    event = event_of(record)
    assert isinstance(event, FeatureAvailabilityEvent)
    assert event.event_id == expected


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("2025-10-10T12:34:56.789Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789999+00:00", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789999", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10 12:34:56", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10T18:04:56.5+05:30", "2025-10-10T12:34:56.500Z"),
        ("2025-10-10", "2025-10-10T00:00:00.000Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
        ("2025-02-29T23:59:59.999Z", None),
        ("2025-04-31T00:00:00.000Z", None),
        ("2025-12-31T00:00:00.000Z", "2025-12-31T00:00:00.000Z"),
        ("2025-12-00T00:00:00.000Z", None),
        ("2025-12-31T24:00:00.000Z", None),
        ("2025-12-31T23:60:00.000Z", None),
        ("0000-12-31T23:00:00.000Z", None),
        ("0999-12-31T23:00:00.000Z", "0999-12-31T23:00:00.000Z"),
        ("2025-W41-5T12:34:56.789Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.7Z", "2025-10-10T12:34:56.700Z"),
        ("2025-10-10T12:34:56.7+00:00", "2025-10-10T12:34:56.700Z"),
        ("2025-10-10T12:34:56,789Z", "2025-10-10T12:34:56.789Z"),
        ("٢025-10-10T12:34:56.789Z", None),
        ("2025-10-10T12:34:56.789Z\n", None),
        ("2025-13-10T12:34:56Z", None),
        ("2025-02-30T12:34:56Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_to_timestamp__is_the_items_time_in_one_form(stored: str, expected: str | None) -> None:
    """Any ISO-8601 time becomes UTC with milliseconds; an unreadable one gives way to the stream's."""
    assert to_timestamp(stored, 1760099697123) == (expected or "2025-10-10T12:34:57.123Z")


@pytest.mark.parametrize("stored", [None, 7, [], {}, {"N": "1760099697"}, {"NULL": True}, {"S": 1}])
def test_to_event__gives_way_to_the_streams_time(stored: object) -> None:
    """Where the item has no time as text, the stream's counts."""
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["updated_at"] = stored
    record["dynamodb"]["ApproximateCreationDateTime"] = 0.001
    event = event_of(record)
    assert isinstance(event, FeatureAvailabilityEvent)
    assert event.timestamp == "1970-01-01T00:00:00.001Z"


def test_to_timestamp__needs_one_of_the_two() -> None:
    """Without any time there is no event, since the clock's would differ at each delivery."""
    with pytest.raises(PoisonRecord, match="neither updated_at nor ApproximateCreationDateTime"):
        to_timestamp("", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1970-01-01T00:00:00.001Z", 1), ("2025-10-10T12:34:57.123Z", 1760099697123), ("1969-12-31T23:59:59.000Z", -1000)],
)
def test_to_epoch_ms__reads_our_own_form(text: str, expected: int) -> None:
    """An event's timestamp as Kafka wants times."""
    assert to_epoch_ms(text) == expected


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, ""),
        ({"NULL": True}, ""),
        ({"S": "None"}, ""),
        ({"S": ""}, ""),
        ({"S": "null"}, "null"),
        ({"S": "job-1"}, "job-1"),
        ({"N": "007"}, "007"),
        ({"S": "job-1", "NULL": True}, "job-1"),
    ],
)
def test_read_compute_id__is_as_stored(stored: object, expected: str) -> None:
    """A compute id that older writers left as no value is empty."""
    assert read_compute_id(stored) == expected


@pytest.mark.parametrize("stored", ["job-1", {}, {"BOOL": True}, {"S": 1}, {"L": []}])
def test_read_compute_id__refuses_other_types(stored: Any) -> None:  # noqa: ANN401  # anything at all
    """A compute id of another type is not guessed at."""
    with pytest.raises(PoisonRecord, match="compute_id"):
        read_compute_id(stored)
