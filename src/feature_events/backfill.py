"""Lambda's entry point: one step of the backfill's state machine.

The machine plans a run, works on its segments side by side, and reports. Between the steps pass the run's name and the
segments' numbers; all else is in the checkpoints, since an execution's history must name nobody.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from feature_events.aws.clients import PARALLEL
from feature_events.backfills.checkpoints import Plan, StoredCheckpoints
from feature_events.backfills.planning import make_plan
from feature_events.backfills.report import Report, to_report
from feature_events.backfills.request import read_request
from feature_events.backfills.work import WORK_SECONDS, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.logs import logger
from feature_events.tables.source_table import ScannedTable, describe_table
from feature_events.wiring import ANSWER_SECONDS, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_STEPS = ("plan", "work", "report")
_INPUT: Mapping[str, set[str]] = {"plan": {"request", "run", "started"}, "work": {"run", "segment"}, "report": {"run"}}
"""What the state machine passes to each step."""
_CLIENT = "-backfill"
"""Behind Kafka's client id, so that a quota can bind a backfill and not the live events."""

_LAST_PAGE_SECONDS = 60.0
"""What the last page may take beyond the time to work, where nothing is slow."""


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> Any:  # noqa: ANN401  # one answer for each step
    """Does the step that the state machine asks for: `plan`, `work` or `report`.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong: the run ends, and can go on when that is fixed.
        Undelivered: Kafka, DynamoDB or S3 did not answer: the machine tries the step again.

    """
    step = event.get("step") if type(event) is dict else None
    if step not in _STEPS or not _INPUT[step] <= event.keys():
        raise Misconfigured("the function does one step of a backfill: start the state machine, which invokes it")
    settings, pipeline = wire(_CLIENT)
    if settings.failure_bucket is None:
        raise Misconfigured("there is nowhere to keep how far a run is: set FAILURE_BUCKET")
    if step == "plan":
        request = read_request(event["request"])
        run = request.run or event["run"]
        checkpoints = StoredCheckpoints(settings.failure_bucket, run)
        plan = make_plan(request, event["started"], checkpoints, pipeline.encoder.layouts, describe_table)
        logger.info("backfill planned", run=run, table=plan.table_arn, segments=plan.request.segments)
        return {"run": run, "workers": request.workers, "segments": list(range(plan.request.segments))}
    run = event["run"]
    checkpoints = StoredCheckpoints(settings.failure_bucket, run)
    plan = _find_plan(checkpoints, run)
    if step == "report":
        return _report(run, plan, checkpoints)
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    if left <= _LAST_PAGE_SECONDS:
        raise Misconfigured(
            f"the function's timeout leaves no time for a page: set it above {_LAST_PAGE_SECONDS:.0f} seconds"
        )
    pace = Pace(plan.request.items_per_second)
    table = ScannedTable(plan.table_arn)
    seconds = settings.delivery_timeout_ms / 1000
    worker = Worker(plan, pipeline, table, checkpoints, pace, time.monotonic, seconds)
    is_complete = worker.work(event["segment"], Deadline(min(WORK_SECONDS, left - _LAST_PAGE_SECONDS)), Deadline(left))
    return {"step": "work", "run": run, "segment": event["segment"], "complete": is_complete}


def _find_plan(checkpoints: StoredCheckpoints, run: str) -> Plan:
    plan = checkpoints.read_plan()
    if plan is None:
        raise Misconfigured(f"the run {run} has no plan: its objects in the failure bucket were deleted; begin another")
    return plan


def _report(run: str, plan: Plan, checkpoints: StoredCheckpoints) -> Report:
    with ThreadPoolExecutor(PARALLEL) as pool:
        progresses = list(pool.map(checkpoints.read, range(plan.request.segments)))
    report = to_report(run, plan, progresses)
    logger.info("backfill reported", extra={"report": report})
    return report
