"""A Change gives the event that the former publisher would have sent, and the same one each time."""

import pytest

from feature_events.errors import PoisonRecord
from feature_events.events.event import (
    FeatureAvailabilityEvent,
    to_epoch_ms,
    to_event,
    to_timestamp,
)
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.records.change import Change, read_change
from tests.support.layouts import to_layouts
from tests.support.records import Json, to_record


def event_of(record: Json) -> FeatureAvailabilityEvent:
    """The event of a record that is a change of features."""
    change = read_change(record)
    assert isinstance(change, Change)
    entity = read_entity_features(change, to_layouts(), "all")
    assert isinstance(entity, EntityFeatures)
    return to_event(entity, change)


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
    assert event_of(record).event_id == expected


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
        ("2025-10-10T12:34:56.789z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10t12:34:56.789z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10t12:34:56Z", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10 12:34:56z", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10t14:34:56.789+02:00", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789zz", None),
        ("2025-10-10T12:34:56.789 z", None),
        ("٢025-10-10T12:34:56.789Z", None),
        ("2025-10-10T12:34:56.789Z\n", None),
        ("2025-13-10T12:34:56Z", None),
        ("2025-02-30T12:34:56Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("2025-10-10 12:34:56.789123+00:00", "2025-10-10T12:34:56.789Z"),
        ("20251010", "2025-10-10T00:00:00.000Z"),
        ("1736010112345", None),
        ("1736010112", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_to_timestamp__is_the_items_time_in_one_form(stored: str, expected: str | None) -> None:
    """Any ISO-8601 time becomes UTC with milliseconds; an unreadable one gives way to the stream's.

    RFC 3339 allows `t` and `z` in lower case: https://github.com/UKGovernmentBEIS/inspect_ai/issues/5369
    """
    assert to_timestamp(stored, 1760099697123) == (expected or "2025-10-10T12:34:57.123Z")


@pytest.mark.parametrize("stored", [None, 7, [], {}, {"N": "1760099697"}, {"NULL": True}, {"S": 1}])
def test_to_event__gives_way_to_the_streams_time(stored: object) -> None:
    """Where the item has no time as text, the stream's counts."""
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["updated_at"] = stored
    record["dynamodb"]["ApproximateCreationDateTime"] = 0.001
    assert event_of(record).timestamp == "1970-01-01T00:00:00.001Z"


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
