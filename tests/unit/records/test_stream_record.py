"""Any record can be identified as far as possible, for log messages and the response to Lambda."""

from typing import Any

import pytest

from feature_events.records.stream_record import RecordIdentity, read_identity, read_oldest_ms, read_table
from tests.support.records import CREATED, to_record

NOT_RECORDS: tuple[Any, ...] = (None, 1, "x", [], {}, {"dynamodb": None, "eventSourceARN": None})


@pytest.mark.parametrize(
    "record", [None, [], "x", {}, {"dynamodb": 1, "eventSourceARN": 1, "eventID": 1}, {"eventSourceARN": "x"}]
)
def test_read_identity__is_none_if_it_is_unreadable(record: Any) -> None:  # noqa: ANN401 -- what a stream may hold
    """Identifying a record never raises an error."""
    assert read_identity(record) == RecordIdentity(None, None, None)


def test_read_identity__reads_a_poison_record() -> None:
    """Its log messages can name it."""
    record = to_record()
    record["dynamodb"]["NewImage"] = 1
    number, event_id = record["dynamodb"]["SequenceNumber"], record["eventID"]
    assert read_identity(record) == RecordIdentity("user_feature_store", number, event_id)


def at(created: object) -> dict[str, Any]:
    """Return a record with this stream time."""
    record = to_record()
    record["dynamodb"]["ApproximateCreationDateTime"] = created
    return record


def test_read_table__uses_the_first_readable_record() -> None:
    """Unreadable records do not hide the table."""
    assert (
        read_table([*NOT_RECORDS, to_record(), to_record() | {"eventSourceARN": "a:table/b"}]) == "user_feature_store"
    )
    assert read_table(NOT_RECORDS) is None
    assert read_table([]) is None


def test_read_oldest_ms__uses_the_first_record_with_a_time() -> None:
    """A batch is in stream order, so its first record is the oldest."""
    assert read_oldest_ms([*NOT_RECORDS, to_record(0), to_record(1)]) == CREATED * 1000
    assert read_oldest_ms([]) is None


@pytest.mark.parametrize(
    "created", [None, "1760099697", True, 0, -1, 10**400, 1e300, float("nan"), float("inf"), [1], {"N": "1"}]
)
def test_read_oldest_ms__ignores_invalid_times(created: object) -> None:
    """It never raises an error, and uses the next record with a valid time."""
    assert read_oldest_ms([at(created)]) is None
    assert read_oldest_ms([at(created), at(1760099698.25)]) == 1760099698250
