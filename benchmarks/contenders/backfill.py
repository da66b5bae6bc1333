"""The backfill's worker, with the items of an event's records as one page.

The worker gets each item twice, as from DynamoDB: from the scan, and from the second read that checks for changes. The
items are parsed in advance, so only the worker is measured. In `backfill_reading`, boto3 parses them.
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
from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables
from feature_events.wiring import wire

KEY_NAMES = ("bright_uid", "category")
_REQUEST = BackfillRequest(TABLE_ARN, segments=1, workers=1)
_STARTED_MS = 1_767_225_600_000
_SECONDS = 60.0


class ReadItems(Tables):
    """A table with prepared responses."""

    def __init__(self, scanned: Sequence[Item], reread: Sequence[Item]) -> None:
        self._scanned = scanned
        self._reread = reread

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        return Page(self._scanned, None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        return self._reread


class LastCheckpoint(Checkpoints):
    """Stores the last checkpoint in memory."""

    def __init__(self) -> None:
        self.last = Progress()

    @override
    def read(self, segment: int) -> Progress:
        return self.last

    @override
    def write(self, segment: int, progress: Progress) -> None:
        self.last = progress


def prepare(event: StreamEvent) -> Run:
    """Prepare the worker with a table that contains the event's items."""
    return make_run(ReadItems(read_items(event), read_items(event)), event.records)


def read_items(event: StreamEvent) -> list[Item]:
    """Parse the items of the event's records."""
    return [record["dynamodb"]["NewImage"] for record in json.loads(event.text)["Records"]]


def make_run(table: Tables, items: int) -> Run:
    """Make a function that runs the worker. It fails unless it delivers this number of events, each once."""
    checkpoint = LastCheckpoint()
    worker = make_worker(table, checkpoint)

    def run() -> None:
        checkpoint.last = Progress()
        is_complete = worker.work(0, Deadline(_SECONDS), Deadline(_SECONDS))
        done = checkpoint.last
        if not is_complete or (done.delivered, done.again) != (items, 0):
            raise RuntimeError(f"some items were not announced exactly once: {done}")

    return run


def make_worker(table: Tables, checkpoint: LastCheckpoint) -> Worker:
    """Make a worker with the settings of the environment and without a rate limit."""
    plan = Plan(_REQUEST, TABLE_ARN, KEY_NAMES, _STARTED_MS, layouts="", schema="")
    pace = Pace(_REQUEST.events_per_second, sleep=lambda _: None)
    announcement = Announcement(plan, wire("-backfill")[1], table, _SECONDS, "request")
    return Worker(plan, announcement, checkpoint, pace, time.monotonic)
