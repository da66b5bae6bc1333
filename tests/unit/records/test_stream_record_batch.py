"""A batch says its table and its age, whatever its records are."""

from typing import Any

import pytest

from feature_events.records.stream_record import read_oldest_ms, read_table
from tests.support.records import CREATED, to_record

NOT_RECORDS: tuple[Any, ...] = (None, 1, "x", [], {}, {"dynamodb": None, "eventSourceARN": None})


def at(created: object) -> dict[str, Any]:
    """A record of this stream time."""
    record = to_record()
    record["dynamodb"]["ApproximateCreationDateTime"] = created
    return record


def test_read_table__is_that_of_the_first_readable_record() -> None:
    """What cannot be read does not hide what can be."""
    assert (
        read_table([*NOT_RECORDS, to_record(), to_record() | {"eventSourceARN": "a:table/b"}]) == "user_feature_store"
    )
    assert read_table(NOT_RECORDS) is None
    assert read_table([]) is None


def test_read_oldest_ms__is_that_of_the_first_record_with_a_time() -> None:
    """A batch is in stream order, so its first record is its oldest."""
    assert read_oldest_ms([*NOT_RECORDS, to_record(0), to_record(1)]) == CREATED * 1000
    assert read_oldest_ms([]) is None


@pytest.mark.parametrize(
    "created", [None, "1760099697", True, 0, -1, 10**400, 1e300, float("nan"), float("inf"), [1], {"N": "1"}]
)
def test_read_oldest_ms__passes_over_what_is_not_a_time(created: object) -> None:
    """It never fails; the next record with a time counts, if there is one."""
    assert read_oldest_ms([at(created)]) is None
    assert read_oldest_ms([at(created), at(1760099698.25)]) == 1760099698250
