"""Test the report of a run, the sum of its segments."""

import pytest

from feature_events.backfills.checkpoints import Progress
from feature_events.backfills.report import check_delivered, to_report
from feature_events.errors import Misconfigured
from tests.support.backfills import TABLE_ARN, to_plan, to_scanned

DONE = Progress(None, True, 10, 8, 2, {"no_features": 3}, {"not a map": 1}, 1.25, still_changing=1)  # noqa: FBT003  # fields of Progress
HALF = Progress(to_scanned("user-1"), False, 5, 2, 0, {"no_features": 1, "filtered": 1}, {"no time": 2}, 0.5)  # noqa: FBT003  # fields of Progress


def test_to_report__adds_up_segments() -> None:
    """All counts are added up, also those by reason. The most frequent reason comes first."""
    assert to_report("nightly-1", to_plan(), [DONE, HALF]) == {
        "run": "nightly-1",
        "table": TABLE_ARN,
        "dry_run": False,
        "complete": False,
        "items": 15,
        "delivered": 10,
        "deliverable": 0,
        "again": 2,
        "still_changing": 1,
        "skipped": {"no_features": 4, "filtered": 1},
        "poison": 3,
        "examples": [{"reason": "no time", "items": 2}, {"reason": "not a map", "items": 1}],
        "segments": 2,
        "seconds": 1.8,
    }


def test_to_report__is_complete_if_every_segment_is() -> None:
    """A segment that was not started is not complete."""
    assert to_report("run", to_plan(), [DONE, DONE])["complete"]
    assert not to_report("run", to_plan(), [DONE, Progress()])["complete"]


def test_to_report__counts_deliverable_events_in_a_dry_run() -> None:
    """Nothing was delivered."""
    report = to_report("run", to_plan(dry_run=True), [DONE])
    assert (report["dry_run"], report["delivered"], report["deliverable"]) == (True, 0, 8)


def test_to_report__shows_the_most_frequent_reasons() -> None:
    """An execution's output has no space for a thousand reasons, but all of them are counted."""
    poison = {f"reason {number}": number + 1 for number in range(1000)}
    report = to_report("run", to_plan(), [Progress(poison=poison)])
    expected = [{"reason": f"reason {number}", "items": number + 1} for number in range(999, 979, -1)]
    assert (report["examples"], report["poison"]) == (expected, 500_500)


REJECTED = Progress(None, True, 5, poison={"Kafka rejected the event: TOO_LARGE": 5}, rejected_in_a_row=5)  # noqa: FBT003  # a field


def test_check_delivered__refuses_a_run_whose_events_kafka_rejected() -> None:
    """Each segment is too small to show it."""
    progresses = [REJECTED, Progress(None, True, 3, poison={"not a map": 3}), REJECTED]  # noqa: FBT003  # a field
    report = to_report("run-7", to_plan(), progresses)
    expected = r"Kafka rejected all 10 events of run run-7 \(TOO_LARGE\): change the topic's"
    with pytest.raises(Misconfigured, match=expected):
        check_delivered(report, progresses)


@pytest.mark.parametrize(
    "progresses",
    [[], [REJECTED, DONE], [Progress(None, True, 1, poison={"not a map": 1})]],  # noqa: FBT003  # a field
    ids=["empty", "one delivered", "only poison"],
)
def test_check_delivered__accepts_other_runs(progresses: list[Progress]) -> None:
    """If Kafka acknowledged an event, or was not involved, the cause is in the items."""
    check_delivered(to_report("run-7", to_plan(), progresses), progresses)
