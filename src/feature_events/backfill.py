"""Run one step of the backfill's state machine, or trace one item for an operator (Lambda entry point).

The state machine plans a run, processes its segments in parallel, and reports. Steps pass on only the run's name and
the numbers of segments. Everything else is in the checkpoints, since an execution's history must not identify anyone.
"""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from feature_events.aws.clients import PARALLEL
from feature_events.backfills.checkpoints import Checkpoints, find_runs
from feature_events.backfills.plan import Plan, check_encoder, choose_run, make_plan, name_run
from feature_events.backfills.report import BackfillReport, check_delivered, to_report
from feature_events.backfills.request import read_backfill_request
from feature_events.backfills.work import WORK_SECONDS, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.encoder import Encoder
from feature_events.epoch import to_epoch_ms
from feature_events.errors import Misconfigured
from feature_events.logs import logger
from feature_events.tables.table import Tables, describe_table
from feature_events.traces.report import TraceReport
from feature_events.traces.request import read_trace_request
from feature_events.traces.trace import trace_item
from feature_events.wiring import ANSWER_SECONDS, make_authentication, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_STEPS = ("plan", "work", "report")
_INPUT: Mapping[str, set[str]] = {"plan": {"request", "run", "started"}, "work": {"run", "segment"}, "report": {"run"}}
"""The fields that the state machine passes to each step."""
_CLIENT = "-backfill"
"""The end of Kafka's client id, so that a quota can limit the backfill without limiting live events."""

_LAST_PAGE_SECONDS = 60.0
"""The time for the last page after the working time, under normal conditions."""


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> Any:  # noqa: ANN401  # each step has its own response
    """Run the step that the state machine requests (`plan`, `work` or `report`), or trace an item for an operator.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong. The run fails and can be resumed after a fix.
        Undelivered: Kafka, DynamoDB or S3 did not respond. The state machine retries the step.

    """
    if type(event) is dict and "trace" in event:
        return _trace(event, context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS)
    step = event.get("step") if type(event) is dict else None
    if step not in _STEPS or not _INPUT[step] <= event.keys():
        raise Misconfigured("this function runs single steps of a backfill: start the state machine instead")
    settings, pipeline = wire(_CLIENT)
    if settings.failure_bucket is None:
        raise Misconfigured("no bucket for checkpoints: set FAILURE_BUCKET")
    if step == "plan":
        return _plan(event, settings.failure_bucket, pipeline.encoder)
    run = event["run"]
    checkpoints = Checkpoints(settings.failure_bucket, run)
    plan = _read_plan(checkpoints, run)
    if step == "report":
        return _report(run, plan, checkpoints)
    check_encoder(plan, pipeline.encoder)
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    if left <= _LAST_PAGE_SECONDS:
        raise Misconfigured(
            f"the function's timeout is too short for a page: set it above {_LAST_PAGE_SECONDS:.0f} seconds"
        )
    pace = Pace(plan.request.items_per_second)
    delivery_seconds = settings.delivery_timeout_ms / 1000
    end = Deadline(left)
    worker = Worker(plan, pipeline, Tables(deadline=end), checkpoints, pace, time.monotonic, delivery_seconds)
    is_complete = worker.work(event["segment"], Deadline(min(WORK_SECONDS, left - _LAST_PAGE_SECONDS)), end)
    return {"step": "work", "run": run, "segment": event["segment"], "complete": is_complete}


def _trace(event: dict[str, Any], seconds: float) -> TraceReport:
    """Trace one item. The report is only for the caller, because it identifies someone."""
    request = read_trace_request(event, time.time_ns() // 1_000_000)
    end = Deadline(seconds)
    settings, pipeline = wire(_CLIENT)
    report = trace_item(request, settings, pipeline.encoder, make_authentication(settings), end)
    logger.info("item traced", table=report["table"], verdict=report["verdict"])
    return report


def _plan(event: dict[str, Any], bucket: str, encoder: Encoder) -> dict[str, Any]:
    request = read_backfill_request(event["request"])
    started_ms = to_epoch_ms(event["started"])
    run = choose_run(request.run, find_runs(bucket, request.run)) if request.run else name_run(event["run"], started_ms)
    checkpoints = Checkpoints(bucket, run)
    stored = checkpoints.read_plan() if request.run else None
    plan = make_plan(request, started_ms, stored, encoder, describe_table)
    checkpoints.write_plan(plan)
    logger.info("backfill planned", run=run, table=plan.table_arn, segments=request.segments)
    return {"run": run, "workers": request.workers, "segments": list(range(request.segments))}


def _read_plan(checkpoints: Checkpoints, run: str) -> Plan:
    plan = checkpoints.read_plan()
    if plan is None:
        raise Misconfigured(f"run {run} has no plan: its objects in the failure bucket were deleted; start a new run")
    return plan


def _report(run: str, plan: Plan, checkpoints: Checkpoints) -> BackfillReport:
    with ThreadPoolExecutor(PARALLEL) as pool:
        progresses = list(pool.map(checkpoints.read, range(plan.request.segments)))
    report = to_report(run, plan, progresses)
    logger.info("backfill reported", extra={"report": report})
    check_delivered(report, progresses)
    return report
