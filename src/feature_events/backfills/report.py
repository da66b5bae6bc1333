"""Reports what a run has done: the sum of its segments' checkpoints.

It stands in the execution's output, which many may read, so it has counts and reasons, and nothing of an item.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from feature_events.backfills.checkpoints import Plan, Progress

_EXAMPLES = 20


class Example(TypedDict):
    """A reason why items are not announced, and how many have it."""

    reason: str
    items: int


class Report(TypedDict):
    """What a run did."""

    run: str
    """Its name, to go on with it or to look into its checkpoints."""
    table: str
    dry_run: bool
    complete: bool
    """Whether every segment has been read to its end."""
    items: int
    delivered: int
    """Events that Kafka acknowledged."""
    deliverable: int
    """Events that a run would send, where this one only counts."""
    again: int
    """Of the delivered ones, those that were sent once more since their items changed meanwhile."""
    skipped: Mapping[str, int]
    """Items that rightly give no event, by reason."""
    poison: int
    """Items that can give no event; they are in their table."""
    examples: Sequence[Example]
    """Why, the commonest reasons first."""
    segments: int
    seconds: float
    """That all workers worked, together."""


def to_report(run: str, plan: Plan, progresses: Sequence[Progress]) -> Report:
    """The report of a run, from its segments."""
    skipped, poison = Counter[str](), Counter[str]()
    for progress in progresses:
        skipped.update(progress.skipped)
        poison.update(progress.poison)
    delivered = sum(progress.delivered for progress in progresses)
    is_dry = plan.request.dry_run
    return Report(
        run=run,
        table=plan.table_arn,
        dry_run=is_dry,
        complete=all(progress.is_complete for progress in progresses),
        items=sum(progress.items for progress in progresses),
        delivered=0 if is_dry else delivered,
        deliverable=delivered if is_dry else 0,
        again=sum(progress.again for progress in progresses),
        skipped=skipped,
        poison=poison.total(),
        examples=[Example(reason=reason, items=count) for reason, count in poison.most_common(_EXAMPLES)],
        segments=len(progresses),
        seconds=round(sum(progress.seconds for progress in progresses), 1),
    )
