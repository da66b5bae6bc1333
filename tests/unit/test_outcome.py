"""The answer to Lambda names the first record that came to no end."""

import pytest

from feature_events.outcome import BatchOutcome, measure_arrival
from feature_events.records.change import Skipped
from tests.support.records import CREATED, number_of, to_record


def to_outcome(ends: str) -> BatchOutcome:
    """An outcome from one letter per record: Delivered, Skipped, Poison dead-lettered, Undelivered."""
    outcome = BatchOutcome([to_record(number) for number in range(len(ends))])
    for position, end in enumerate(ends):
        match end:
            case "D":
                outcome.deliver([position])
            case "S":
                outcome.skip({position: Skipped.REMOVE})
            case "P":
                outcome.dead_letter(position)
    return outcome


@pytest.mark.parametrize(
    ("ends", "first"),
    [("", None), ("DSP", None), ("U", 0), ("DDU", 2), ("SPUDU", 2), ("DUDDD", 1)],
)
def test_response__names_the_first_undelivered(ends: str, first: int | None) -> None:
    """One number says all, since Lambda retries everything from the lowest on."""
    outcome = to_outcome(ends)
    expected = [] if first is None else [{"itemIdentifier": number_of(outcome.records[first])}]
    assert outcome.response() == {"batchItemFailures": expected}


def test_response__asks_for_the_whole_batch_where_a_record_has_no_number() -> None:
    """A record that cannot be named is retried with all others."""
    assert BatchOutcome([{"eventName": "INSERT"}]).response() == {"batchItemFailures": [{"itemIdentifier": ""}]}


@pytest.mark.parametrize(("ends", "settled"), [("", 0), ("DDPSD", 3), ("DSDUDD", 2), ("UDD", 0)])
def test_settled__counts_what_is_not_retried(ends: str, settled: int) -> None:
    """Of what was delivered, Lambda retries what is behind the first undelivered record."""
    assert to_outcome(ends).settled == settled


def test_counts__add_up_to_the_batch() -> None:
    """Every record is counted under exactly one end."""
    expected = {"records": 6, "delivered": 2, "skipped": {Skipped.REMOVE: 1}, "dead_letters": 1, "undelivered": 2}
    assert to_outcome("DSPDUU").counts() == {"table": "user_feature_store", **expected}


def test_skipped__has_a_zero_for_each_other_reason() -> None:
    """An alarm on a reason that never occurs has data."""
    assert to_outcome("DS").skipped == {reason: int(reason is Skipped.REMOVE) for reason in Skipped}


def test_measure_arrival__says_how_old_the_oldest_record_is() -> None:
    """A batch has the age of its first record, in milliseconds, and none that is negative."""
    records = [to_record(0), to_record(60)]
    assert measure_arrival(records, CREATED + 1.5) == {"RecordsReceived": 2, "RecordAge": 1500}
    assert measure_arrival(records, CREATED - 1) == {"RecordsReceived": 2, "RecordAge": 0}
