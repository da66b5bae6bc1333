"""Works on a segment, page by page, and keeps how far it is after each.

A checkpoint says that everything before it is acknowledged, so whoever goes on from it leaves nothing out.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from feature_events import metrics
from feature_events.aws.arn import to_table_name
from feature_events.backfills.announcement import Announcer
from feature_events.backfills.checkpoints import Checkpoints, Plan, Progress
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Undelivered
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.tables.source_table import SourceTable


class Pace:
    """So many items a second; time in which less was done is not made up for."""

    def __init__(
        self, per_second: float, clock: Clock = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def wait(self, items: int) -> None:
        """Waits until these items, which have been done, are within the rate."""
        now = self._clock()
        self._free_at = max(self._free_at, now - items / self._per_second) + items / self._per_second
        if self._free_at > now:
            self._sleep(self._free_at - now)


WORK_SECONDS = 120.0
"""How long one invocation works: then the state machine starts the next. Stopping a run does not end an invocation."""

_PAGE_ITEMS = 1_000
_PAGE_SECONDS = 5.0
"""A page has no more items than a worker may announce in this time."""


class Worker(NamedTuple):
    """What works on a run's segments, with everything that it needs from outside."""

    plan: Plan
    pipeline: Pipeline
    table: SourceTable
    checkpoints: Checkpoints
    pace: Pace
    clock: Clock
    delivery_seconds: float
    """The longest to wait for Kafka."""

    def work(self, segment: int, deadline: Deadline, end: Deadline) -> bool:
        """Announces the segment from where it is; whether it is complete.

        Args:
            segment: its number.
            deadline: after this no page is begun.
            end: the invocation's, by which a page must have come to its own.

        Raises:
            Misconfigured: nothing goes on until a person changes something.
            Undelivered: Kafka, DynamoDB or S3 did not answer. What was checkpointed stays done.

        """
        progress, pages = self.checkpoints.read(segment), 0
        while not progress.is_complete and deadline.remaining():
            try:
                progress = self._announce_page(segment, progress, end)
            except Undelivered as error:
                if not pages:
                    raise
                # All tries are left to the next invocation, since this one has done something
                logger.error("segment interrupted", segment=segment, reason=str(error))
                break
            pages += 1
        return progress.is_complete

    def _announce_page(self, segment: int, progress: Progress, end: Deadline) -> Progress:
        """Announces the next page of the segment, and then checkpoints it."""
        started, request = self.clock(), self.plan.request
        limit = max(1, min(_PAGE_ITEMS, int(request.items_per_second * _PAGE_SECONDS)))
        page = self.table.scan(segment, request.segments, progress.after, limit)
        announcer = Announcer(self.plan, self.pipeline, self.table, self.delivery_seconds)
        announced = announcer.announce(page.items, end)
        self.pace.wait(len(page.items) + announced.again)
        if self.checkpoints.read(segment) != progress:
            # Of a run that goes on while an invocation of the stopped one still works
            raise Undelivered(f"another worker goes on with segment {segment}: try again later")
        progress = Progress(
            after=page.after,
            is_complete=page.after is None,
            items=progress.items + len(page.items),
            delivered=progress.delivered + announced.delivered,
            again=progress.again + announced.again,
            skipped=Counter(progress.skipped) + announced.skipped,
            poison=Counter(progress.poison) + announced.poison,
            seconds=progress.seconds + self.clock() - started,
        )
        self.checkpoints.write(segment, progress)
        counts = {
            "ItemsScanned": len(page.items),
            "EventsDelivered": 0 if request.dry_run else announced.delivered,
            "EventsAgain": announced.again,
        }
        metrics.emit(counts, to_table_name(self.plan.table_arn), announced.skipped)
        logger.info("page announced", segment=segment, poison=announced.poison.total(), extra=counts)
        return progress
