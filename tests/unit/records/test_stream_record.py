"""Which record a record is."""

from typing import Any

import pytest

from feature_events.records.stream_record import RecordIdentity, read_identity
from tests.support.records import to_record


@pytest.mark.parametrize(
    "record", [None, [], "x", {}, {"dynamodb": 1, "eventSourceARN": 1, "eventID": 1}, {"eventSourceARN": "x"}]
)
def test_read_position__is_none_where_it_is_unreadable(record: Any) -> None:  # noqa: ANN401 -- what a stream may hold
    """What a message names a record by never fails."""
    assert read_identity(record) == RecordIdentity(None, None, None)


def test_read_position__is_read_from_an_unreadable_record() -> None:
    """A poison record can still be named."""
    record = to_record()
    record["dynamodb"]["NewImage"] = 1
    number, event_id = record["dynamodb"]["SequenceNumber"], record["eventID"]
    assert read_identity(record) == RecordIdentity("user_feature_store", number, event_id)
