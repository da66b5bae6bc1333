"""The backfill's worker, with the items of an event's records as the one page of a segment.

Each item is read twice, as from DynamoDB: by the scan, and to see whether it is still so. The reads are values that are
there already, so that what is measured is the worker's own; `backfill_reading` has boto3 make them.
"""

import json
import time
from collections.abc import Sequence
from typing import override

from benchmarks.contenders import Run
from benchmarks.stream_events import TABLE_ARN, StreamEvent
from feature_events.backfills.checkpoints import Checkpoints, Progress
from feature_events.backfills.plan import Plan
from feature_events.backfills.request import BackfillRequest
from feature_events.backfills.work import Pace, Worker
from feature_events.deadline import Deadline
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables
from feature_events.wiring import wire

KEY_NAMES = ("bright_uid", "category")
_REQUEST = BackfillRequest(TABLE_ARN, segments=1, workers=1)
_STARTED_MS = 1_767_225_600_000
_SECONDS = 60.0


class ReadItems(Tables):
    """A table whose items were read before."""

    def __init__(self, scanned: Sequence[Item], read_again: Sequence[Item]) -> None:
        self._scanned = scanned
        self._read_again = read_again

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        return Page(self._scanned, None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        return self._read_again


class LastCheckpoint(Checkpoints):
    """The last checkpoint, in memory."""

    def __init__(self) -> None:
        self.last = Progress()

    @override
    def read(self, segment: int) -> Progress:
        return self.last

    @override
    def write(self, segment: int, progress: Progress) -> None:
        self.last = progress


def prepare(event: StreamEvent) -> Run:
    """The worker on a table that holds the event's items."""
    return to_run(ReadItems(to_items(event), to_items(event)), event.records)


def to_items(event: StreamEvent) -> list[Item]:
    """The items that the event's records hold, each time made of its text."""
    return [record["dynamodb"]["NewImage"] for record in json.loads(event.text)["Records"]]


def to_run(table: Tables, items: int) -> Run:
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


def make_worker(table: Tables, checkpoint: LastCheckpoint) -> Worker:
    """A worker under the settings of the environment, which never waits to keep to a rate."""
    plan = Plan(_REQUEST, TABLE_ARN, KEY_NAMES, _STARTED_MS)
    pace = Pace(_REQUEST.events_per_second, sleep=lambda _: None)
    return Worker(plan, wire("-backfill")[1], table, checkpoint, pace, time.monotonic, _SECONDS)
