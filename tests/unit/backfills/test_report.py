"""The report is the sum of the segments, and has nothing of an item."""

from feature_events.backfills.checkpoints import Progress
from feature_events.backfills.report import to_report
from tests.support.backfills import TABLE_ARN, to_plan, to_scanned

DONE = Progress(None, True, 10, 8, 2, {"no_features": 3}, {"not a map": 1}, 1.25)  # noqa: FBT003  # fields
HALF = Progress(to_scanned("user-1"), False, 5, 2, 0, {"no_features": 1, "filtered": 1}, {"no time": 2}, 0.5)  # noqa: FBT003  # fields


def test_to_report__adds_the_segments_up() -> None:
    """Every count, by reason where it has one; the commonest reason first."""
    assert to_report("nightly-1", to_plan(), [DONE, HALF]) == {
        "run": "nightly-1",
        "table": TABLE_ARN,
        "dry_run": False,
        "complete": False,
        "items": 15,
        "delivered": 10,
        "deliverable": 0,
        "again": 2,
        "skipped": {"no_features": 4, "filtered": 1},
        "poison": 3,
        "examples": [{"reason": "no time", "items": 2}, {"reason": "not a map", "items": 1}],
        "segments": 2,
        "seconds": 1.8,
    }


def test_to_report__is_complete_where_every_segment_is() -> None:
    """One that was not begun is none."""
    assert to_report("run", to_plan(), [DONE, DONE])["complete"]
    assert not to_report("run", to_plan(), [DONE, Progress()])["complete"]


def test_to_report__of_a_dry_run_says_what_would_be_sent() -> None:
    """Nothing was."""
    report = to_report("run", to_plan(dry_run=True), [DONE])
    assert (report["dry_run"], report["delivered"], report["deliverable"]) == (True, 0, 8)


def test_to_report__has_the_commonest_reasons() -> None:
    """A thousand reasons do not fit into an execution's output; all of them are counted."""
    poison = {f"reason {number}": number + 1 for number in range(1000)}
    report = to_report("run", to_plan(), [Progress(poison=poison)])
    expected = [{"reason": f"reason {number}", "items": number + 1} for number in range(999, 979, -1)]
    assert (report["examples"], report["poison"]) == (expected, 500_500)
