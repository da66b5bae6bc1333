"""Run one step of the backfill's state machine, or trace one item for an operator (Lambda entry point).

The state machine plans a run, processes its segments in parallel, and reports. With `missing_only`, it first indexes
the topic, and looks at items that differ again. Steps pass on only the run's name and numbers. Everything else is in
the checkpoints, since an execution's history must not identify anyone.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_events.aws.objects import read_all
from feature_events.backfills.audit import Comparison, FirstLook, SecondLook
from feature_events.backfills.checkpoints import Checkpoints, find_runs
from feature_events.backfills.looks import Looks, NextStep, to_next_step
from feature_events.backfills.plan import Plan, check_encoder, choose_run, make_plan, name_run
from feature_events.backfills.report import BackfillReport, check_delivered, to_report
from feature_events.backfills.request import read_backfill_request
from feature_events.backfills.work import WORK_SECONDS, Announcement, Pace, Pages, Worker
from feature_events.deadline import Deadline
from feature_events.epoch import to_epoch_ms
from feature_events.errors import Misconfigured
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.settings.settings import Settings
from feature_events.tables.table import Tables, describe_table
from feature_events.topic.consumer import CLIENT
from feature_events.topic.event import EventDecoder, make_schema_reader
from feature_events.topic.reader import TopicReader
from feature_events.topic_index.entries import find_units
from feature_events.topic_index.index import IndexCache, merge_bucket
from feature_events.topic_index.judge import Judge
from feature_events.topic_index.store import IndexStore
from feature_events.topic_index.work import IndexWorker
from feature_events.traces.report import TraceReport
from feature_events.traces.request import read_trace_request
from feature_events.traces.trace import trace_item
from feature_events.wiring import ANSWER_SECONDS, make_authentication, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_INPUT: Mapping[str, set[str]] = {
    "plan": {"request", "run", "started"},
    "index": {"run", "look", "partition"},
    "merge": {"run", "look", "bucket"},
    "work": {"run", "segment"},
    "look": {"run", "look"},
    "report": {"run"},
}
"""The steps, and the fields that the state machine passes to each."""
_LAST_PAGE_SECONDS = 60.0
"""The time for the last page after the working time, under normal conditions."""
_ID_LENGTH = 8
"""The length of an invocation's id in names, because checkpoints contain many of these names."""
_KAFKA_SECONDS = 60.0
"""The maximum time to connect to Kafka and to request offsets."""

_indexes = IndexCache()


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> Any:  # noqa: ANN401  # each step has its own response
    """Run the step that the state machine requests, or trace an item for an operator.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong. The run fails and can be resumed after a fix.
        Undelivered: Kafka, DynamoDB or S3 did not respond. The state machine retries the step.

    """
    if type(event) is dict and "trace" in event:
        return _trace(event, context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS)
    name = str(event.get("step")) if type(event) is dict else ""
    if name not in _INPUT or not _INPUT[name] <= event.keys():
        raise Misconfigured("this function runs single steps of a backfill: start the state machine instead")
    settings, pipeline = wire(CLIENT)
    if settings.failure_bucket is None:
        raise Misconfigured("no bucket for checkpoints: set FAILURE_BUCKET")
    if name == "plan":
        return _plan(event, settings, pipeline, settings.failure_bucket)
    step = _open_step(event["run"], settings, pipeline, settings.failure_bucket, context)
    return _STEPS[name](step, event)


def _trace(event: dict[str, Any], seconds: float) -> TraceReport:
    """Trace one item. The report is only for the caller, because it identifies someone."""
    request = read_trace_request(event, _now_ms())
    end = Deadline(seconds)
    settings, pipeline = wire(CLIENT)
    report = trace_item(request, settings, pipeline.encoder, make_authentication(settings), end)
    logger.info("item traced", table=report["table"], verdict=report["verdict"])
    return report


class _Step(NamedTuple):
    """What every step after the plan uses."""

    run: str
    plan: Plan
    checkpoints: Checkpoints
    settings: Settings
    pipeline: Pipeline
    left: float
    """The seconds that are left."""
    invocation: str
    """The start of the invocation's id. Invocations that begin at the same time can have the same attempt number."""

    @property
    def store(self) -> IndexStore:
        """The index of the run."""
        return IndexStore(self.checkpoints.folder)

    @property
    def looks(self) -> Looks:
        """The looks of the run."""
        return Looks(self.run, self.plan, self.store, self.checkpoints)

    def make_deadlines(self) -> tuple[Deadline, Deadline]:
        """Return when to stop working, and when the invocation ends."""
        check_encoder(self.plan, self.pipeline.encoder)
        if self.left <= _LAST_PAGE_SECONDS:
            raise Misconfigured(
                f"the function's timeout is too short for a page: set it above {_LAST_PAGE_SECONDS:.0f} seconds"
            )
        return Deadline(min(WORK_SECONDS, self.left - _LAST_PAGE_SECONDS)), Deadline(self.left)


def _open_step(run: str, settings: Settings, pipeline: Pipeline, bucket: str, context: "LambdaContext") -> _Step:
    checkpoints = Checkpoints(bucket, run)
    plan = checkpoints.read_plan()
    if plan is None:
        raise Misconfigured(f"run {run} has no plan: its objects in the failure bucket were deleted; start a new run")
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    return _Step(run, plan, checkpoints, settings, pipeline, left, context.aws_request_id[:_ID_LENGTH])


def _plan(event: dict[str, Any], settings: Settings, pipeline: Pipeline, bucket: str) -> NextStep:
    request = read_backfill_request(event["request"])
    started_ms = to_epoch_ms(event["started"])
    run = choose_run(request.run, find_runs(bucket, request.run)) if request.run else name_run(event["run"], started_ms)
    checkpoints = Checkpoints(bucket, run)
    stored = checkpoints.read_plan() if request.run else None
    plan = make_plan(request, started_ms, stored, pipeline.encoder, describe_table)
    if request.missing_only:
        with _open_reader(settings) as reader:
            looks = Looks(run, plan, IndexStore(checkpoints.folder), checkpoints)
            step = looks.begin(reader, _now_ms(), Deadline(_KAFKA_SECONDS))
    else:
        step = to_next_step(run, plan, None, list(range(request.segments)))
    checkpoints.write_plan(plan)
    logger.info("backfill planned", run=run, table=plan.table_arn, segments=request.segments)
    return step


def _index(step: _Step, event: dict[str, Any]) -> dict[str, Any]:
    """Index a partition of the topic."""
    deadline, end = step.make_deadlines()
    plan, encoder = step.plan, step.pipeline.encoder
    units = find_units(encoder.layouts, plan.table_arn, plan.key_names)
    decoder = EventDecoder(plan.table_arn, make_schema_reader(step.settings))
    with _open_reader(step.settings) as reader:
        look = step.looks.read(event["look"])
        mode = encoder.features_mode
        worker = IndexWorker(look, reader, decoder, step.store, mode, units, step.invocation)
        return {**event, "complete": worker.work(event["partition"], deadline, end)}


def _merge(step: _Step, event: dict[str, Any]) -> dict[str, Any]:
    """Merge a part of the index."""
    items = merge_bucket(step.store, step.looks.read(event["look"]), event["bucket"])
    logger.info("index merged", run=step.run, bucket=event["bucket"], items=items)
    return event


def _work(step: _Step, event: dict[str, Any]) -> dict[str, Any]:
    """Process a segment of the table."""
    deadline, end = step.make_deadlines()
    number = event.get("look", 0)  # an execution that an earlier version started has no looks
    pace = Pace(step.plan.request.items_per_second)
    delivery_seconds, tables = step.settings.delivery_timeout_ms / 1000, Tables(deadline=end)
    announcement = Announcement(step.plan, step.pipeline, tables, delivery_seconds, step.invocation)
    pages = _compare(step, announcement, number) if step.plan.request.missing_only else announcement
    checkpoints = step.checkpoints.of_look(number)
    worker = Worker(step.plan, pages, checkpoints, pace, time.monotonic)
    return {**event, "complete": worker.work(event["segment"], deadline, end)}


def _compare(step: _Step, announcement: Announcement, number: int) -> Pages:
    """Return the pages of a look, which are compared with the topic."""
    plan, encoder = step.plan, step.pipeline.encoder
    index = _indexes.read((step.settings.failure_bucket, step.run), step.store, step.looks.read(number))
    units = find_units(encoder.layouts, plan.table_arn, plan.key_names)
    comparison = Comparison(number, Judge(encoder, index, units), step.store, index.is_behind)
    if not number:
        return FirstLook(announcement, comparison)
    return SecondLook(announcement, comparison, step.checkpoints.of_look(number - 1))


def _look(step: _Step, event: dict[str, Any]) -> NextStep:
    """Decide what follows a look."""
    with _open_reader(step.settings) as reader:
        following = step.looks.proceed(event["look"], reader, _now_ms(), Deadline(_KAFKA_SECONDS))
    logger.info("look done", run=step.run, look=event["look"], state=following["state"])
    return following


def _report(step: _Step, _: dict[str, Any]) -> BackfillReport:
    first = read_all(step.checkpoints.read, range(step.plan.request.segments))
    later = step.looks.read_later_progresses() if step.plan.request.missing_only else []
    report = to_report(step.run, step.plan, first, later)
    logger.info("backfill reported", extra={"report": report})
    check_delivered(report, [*first, *later])
    return report


_STEPS: Mapping[str, Callable[[_Step, dict[str, Any]], Any]] = {
    "index": _index,
    "merge": _merge,
    "work": _work,
    "look": _look,
    "report": _report,
}


def _open_reader(settings: Settings) -> TopicReader:
    return TopicReader(settings, make_authentication(settings), Deadline(_KAFKA_SECONDS))


def _now_ms() -> int:
    return round(time.time() * 1_000)
