"""Plans a run: finds the table and its layout, and divides it, before anything is read of it."""

from collections.abc import Callable
from datetime import datetime

from feature_events.aws.arn import to_table_name
from feature_events.backfills.checkpoints import Checkpoints, Plan
from feature_events.backfills.request import Request
from feature_events.errors import Misconfigured
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.tables.source_table import Description


def make_plan(
    request: Request,
    started: str,
    checkpoints: Checkpoints,
    layouts: TableLayouts,
    describe: Callable[[str], Description],
) -> Plan:
    """The plan of a run, which is kept; a run that goes on has the one that it began with, at the pace now asked for.

    Args:
        request: what is asked for.
        started: when the execution did, in ISO-8601.
        checkpoints: of the run.
        layouts: what the function has.
        describe: finds the table.

    Raises:
        Misconfigured: the request is for another table or of another kind than the run's, there is no such table, or no
            layout is for it.
        Undelivered: DynamoDB or S3 did not answer.

    """
    plan = checkpoints.read_plan()
    if plan is not None:
        _check_same(plan.request, request)
        plan = plan._replace(request=request)
    elif request.run:
        raise Misconfigured(f"there is no run {request.run} to go on with: leave run out to begin one")
    else:
        table = describe(request.table)
        layouts.fit_table(to_table_name(table.arn), table.key_names)
        plan = Plan(request, table.arn, table.key_names, round(datetime.fromisoformat(started).timestamp() * 1000))
    checkpoints.write_plan(plan)
    return plan


def _check_same(former: Request, request: Request) -> None:
    """Whether a run that goes on is asked for what it began with."""
    others = [
        name for name in ("table", "dry_run", "segments", "filter") if getattr(former, name) != getattr(request, name)
    ]
    if others:
        raise Misconfigured(
            f"the run began with another {', '.join(others)}: ask for the same to go on with it, or leave run out"
        )
