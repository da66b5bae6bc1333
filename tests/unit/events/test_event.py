"""Every field of an event comes from its record, so the same record always produces the same event."""

import pytest

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from tests.support.pipelines import encode
from tests.support.records import Json, to_item, to_record


def event_of(record: Json) -> FeatureAvailabilityEvent:
    """Return the event that a record produces."""
    return encode(record).event


def test_to_event__fills_the_nine_fields() -> None:
    """Every field comes from the record, or is constant."""
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
def test_to_event__uses_the_records_id_or_derives_one_from_its_position(event_id: object, expected: str) -> None:
    """An id is never random, so consumers can recognize duplicates."""
    record = {**to_record(), "eventID": event_id}
    record["dynamodb"]["SequenceNumber"] = "42"
    assert event_of(record).event_id == expected


@pytest.mark.parametrize("stored", [None, 7, [], {}, {"N": "1760099697"}, {"NULL": True}, {"S": 1}])
def test_to_event__falls_back_to_the_streams_time(stored: object) -> None:
    """The item's own time is used only if it is valid text."""
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["updated_at"] = stored
    record["dynamodb"]["ApproximateCreationDateTime"] = 0.001
    assert event_of(record).timestamp == "1970-01-01T00:00:00.001Z"


def test_to_event__refuses_a_change_without_a_time() -> None:
    """The function's clock would give each retry another time."""
    record = to_record(item=to_item(updated_at=None))
    del record["dynamodb"]["ApproximateCreationDateTime"]
    with pytest.raises(PoisonRecord, match="neither updated_at nor ApproximateCreationDateTime"):
        event_of(record)
