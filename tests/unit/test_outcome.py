"""The response to Lambda names the first undelivered record."""

import pytest

from feature_events.events.event import AVAILABLE
from feature_events.outcome import BatchOutcome, measure_arrival
from feature_events.records.change import Skipped
from tests.support.records import CREATED, number_of, to_record


def to_outcome(outcomes: str) -> BatchOutcome:
    """Return an outcome from one letter per record: Delivered, Skipped, dead-lettered (P), Undelivered."""
    batch = BatchOutcome([to_record(number) for number in range(len(outcomes))])
    for position, outcome in enumerate(outcomes):
        match outcome:
            case "D":
                batch.deliver({position: AVAILABLE})
            case "S":
                batch.skip({position: Skipped.REMOVE})
            case "P":
                batch.dead_letter(position)
    return batch


@pytest.mark.parametrize(
    ("outcomes", "first"),
    [("", None), ("DSP", None), ("U", 0), ("DDU", 2), ("SPUDU", 2), ("DUDDD", 1)],
)
def test_response__names_the_first_undelivered_record(outcomes: str, first: int | None) -> None:
    """Lambda retries every record from there on."""
    outcome = to_outcome(outcomes)
    expected = [] if first is None else [{"itemIdentifier": number_of(outcome.records[first])}]
    assert outcome.response() == {"batchItemFailures": expected}


def test_response__requests_the_whole_batch_if_the_record_has_no_number() -> None:
    """Lambda can identify a record only by its sequence number."""
    assert BatchOutcome([{"eventName": "INSERT"}]).response() == {"batchItemFailures": [{"itemIdentifier": ""}]}


@pytest.mark.parametrize(("outcomes", "settled"), [("", 0), ("DDPSD", 3), ("DSDUDD", 2), ("UDD", 0)])
def test_settled__counts_the_deliveries_that_lambda_does_not_retry(outcomes: str, settled: int) -> None:
    """Lambda retries delivered records after the first undelivered one."""
    assert to_outcome(outcomes).settled == settled


def test_counts__add_up_to_the_batch() -> None:
    """Every record is counted under exactly one outcome."""
    expected = {"records": 6, "delivered": 2, "skipped": {Skipped.REMOVE: 1}, "dead_letters": 1, "undelivered": 2}
    assert to_outcome("DSPDUU").counts() == {"table": "user_feature_store", **expected}


def test_skipped__contains_a_zero_for_each_other_reason() -> None:
    """An alarm on a reason that never occurs has data."""
    assert to_outcome("DS").skipped == {reason: int(reason is Skipped.REMOVE) for reason in Skipped}


def test_measure_arrival__returns_the_age_of_the_oldest_record() -> None:
    """The age is in milliseconds, and never negative."""
    records = [to_record(0), to_record(60)]
    assert measure_arrival(records, CREATED + 1.5) == {"RecordsReceived": 2, "RecordAge": 1500}
    assert measure_arrival(records, CREATED - 1) == {"RecordsReceived": 2, "RecordAge": 0}
