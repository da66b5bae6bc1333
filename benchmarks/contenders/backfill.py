"""The backfill's worker, with the items of an event's records as the one page of a segment.

Each item is read twice, as from DynamoDB: by the scan, and to see whether it is still so. The reads are values that are
there already, so that what is measured is the worker's own; `backfill_reading` has boto3 make them.
"""

import json
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.contenders import Run
from benchmarks.stream_events import TABLE_ARN, StreamEvent
from feature_events.backfills.checkpoints import Plan, Progress
from feature_events.backfills.request import Request
from feature_events.backfills.work import Pace, Worker
from feature_events.deadline import Deadline
from feature_events.records.change import Item
from feature_events.tables.source_table import Page, SourceTable
from feature_events.wiring import wire

KEY_NAMES = ("bright_uid", "category")
_REQUEST = Request(TABLE_ARN, segments=1, workers=1)
_STARTED_MS = 1_767_225_600_000
_SECONDS = 60.0


class ReadItems(NamedTuple):
    """A table whose answers are there already."""

    scanned: Sequence[Item]
    read_again: Sequence[Item]

    def scan(self, segment: int, segments: int, after: Item | None, limit: int) -> Page:  # noqa: ARG002  # SourceTable's
        """See `SourceTable.scan`."""
        return Page(self.scanned, None)

    def read(self, keys: Sequence[Item]) -> Sequence[Item]:  # noqa: ARG002  # all of them, as they were sent
        """See `SourceTable.read`."""
        return self.read_again


class LastCheckpoint:
    """Keeps the last checkpoint in memory."""

    last = Progress()

    def read_plan(self) -> Plan | None:
        """See `Checkpoints.read_plan`."""
        return None

    def write_plan(self, plan: Plan) -> None:
        """See `Checkpoints.write_plan`."""

    def read(self, segment: int) -> Progress:  # noqa: ARG002  # Checkpoints'
        """See `Checkpoints.read`."""
        return self.last

    def write(self, segment: int, progress: Progress) -> None:  # noqa: ARG002  # Checkpoints'
        """See `Checkpoints.write`."""
        self.last = progress


def prepare(event: StreamEvent) -> Run:
    """The worker on a table that holds the event's items."""
    return to_run(ReadItems(to_items(event), to_items(event)), event.records)


def to_items(event: StreamEvent) -> list[Item]:
    """The items that the event's records hold, each time made of its text."""
    return [record["dynamodb"]["NewImage"] for record in json.loads(event.text)["Records"]]


def to_run(table: SourceTable, items: int) -> Run:
    """The worker on the one segment of this table; it fails unless so many events are delivered, none of them twice."""
    checkpoint = LastCheckpoint()
    worker = make_worker(table, checkpoint)

    def run() -> None:
        checkpoint.last = Progress()
        is_complete = worker.work(0, Deadline(_SECONDS), Deadline(_SECONDS))
        done = checkpoint.last
        if not is_complete or (done.delivered, done.again) != (items, 0):
            raise RuntimeError(f"not every item was announced once: {done}")

    return run


def make_worker(table: SourceTable, checkpoint: LastCheckpoint) -> Worker:
    """A worker under the settings of the environment, which never waits to keep to a rate."""
    plan = Plan(_REQUEST, TABLE_ARN, KEY_NAMES, _STARTED_MS)
    pace = Pace(_REQUEST.events_per_second, sleep=lambda _: None)
    return Worker(plan, wire("-backfill")[1], table, checkpoint, pace, time.monotonic, _SECONDS)
