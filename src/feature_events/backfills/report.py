"""Report a run: the sum of its segments' checkpoints.

A report is the output of an execution, which many may read. It contains counts and reasons, but nothing from an item.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from feature_events.backfills.checkpoints import REJECTED, Progress
from feature_events.backfills.plan import Plan
from feature_events.errors import Misconfigured
from feature_events.topic_index.judge import Verdict

_EXAMPLES = 20


class BackfillExample(TypedDict):
    """A reason why items were not announced."""

    reason: str
    items: int
    """The number of items with this reason."""


class BackfillReport(TypedDict):
    """The result of a run."""

    run: str
    """The run's name. A request resumes the run by it, and the checkpoints are in the folder of this name."""
    table: str
    dry_run: bool
    complete: bool
    """True if every segment was read to its end."""
    items: int
    announced: NotRequired[int]
    """With `missing_only`: items whose current event says what the item says."""
    missing: NotRequired[int]
    """With `missing_only`: items without an event in the part of the topic that contains their time."""
    outdated: NotRequired[int]
    """With `missing_only`: items whose current event says something else."""
    unjudged: NotRequired[int]
    """With `missing_only`: items without an event that may have had one, and items that kept changing."""
    delivered: int
    """Events that Kafka acknowledged."""
    deliverable: int
    """In a dry run: events that a run would send."""
    again: int
    """Delivered events that were sent once more since their items had changed."""
    still_changing: int
    """Items that changed in every round of resends. The live event of each item's latest write is the current one."""
    skipped: Mapping[str, int]
    """Items without an event by design, by reason."""
    poison: int
    """Items that cannot become an event. They stay in their table."""
    examples: Sequence[BackfillExample]
    """The most frequent reasons for poison, most frequent first."""
    segments: int
    seconds: float
    """The working time of all workers together."""


def to_report(run: str, plan: Plan, progresses: Sequence[Progress], later: Sequence[Progress] = ()) -> BackfillReport:
    """Add up the progress of all segments.

    Args:
        run: the run's name.
        plan: the run's plan.
        progresses: the progress of all segments.
        later: the progress of the segments of later looks, whose items are already counted.

    """
    every = [*progresses, *later]
    skipped, poison, verdicts = Counter[str](), Counter[str](), Counter[str]()
    for progress in every:
        skipped.update(progress.skipped)
        poison.update(progress.poison)
        verdicts.update(progress.verdicts)
    delivered = sum(progress.delivered for progress in every)
    is_dry = plan.request.dry_run
    report = BackfillReport(
        run=run,
        table=plan.table_arn,
        dry_run=is_dry,
        complete=all(progress.is_complete for progress in every),
        items=sum(progress.items for progress in progresses),
        delivered=0 if is_dry else delivered,
        deliverable=delivered if is_dry else 0,
        again=sum(progress.again for progress in every),
        still_changing=sum(progress.still_changing for progress in every),
        skipped=skipped,
        poison=poison.total(),
        examples=[BackfillExample(reason=reason, items=count) for reason, count in poison.most_common(_EXAMPLES)],
        segments=len(progresses),
        seconds=round(sum(progress.seconds for progress in every), 1),
    )
    if plan.request.missing_only:
        for verdict in Verdict:
            report[verdict.value] = verdicts[verdict]
    return report


def check_delivered(report: BackfillReport, progresses: Sequence[Progress]) -> None:
    """Check that Kafka did not reject every event of a run.

    Raises:
        Misconfigured: it did, so the cause is the topic and not the events.

    """
    rejected = sum(progress.rejected_in_a_row for progress in progresses)
    if rejected and not report["delivered"]:
        found = [each["reason"] for each in report["examples"] if each["reason"].startswith(REJECTED)]
        reasons = ", ".join(reason.removeprefix(REJECTED) for reason in found)
        raise Misconfigured(
            f"Kafka rejected all {rejected} events of run {report['run']} ({reasons}): "
            "change the topic's settings, then start a new run"
        )
