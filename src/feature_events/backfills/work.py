"""Process a segment page by page, and save its progress after each page.

A checkpoint means that every item before it was acknowledged, so a worker that resumes there misses nothing.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, override

from feature_events import metrics
from feature_events.aws.arn import to_table_name
from feature_events.aws.clients import REQUEST_SECONDS
from feature_events.backfills.announcement import Announcer, PageCounts
from feature_events.backfills.checkpoints import FIRST_PAGE_ITEMS, REJECTED, Checkpoints, Progress
from feature_events.backfills.plan import Plan
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.event import AVAILABLE
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.tables.table import Page, Tables

WORK_SECONDS = 120.0
"""The working time of one invocation; then the state machine starts the next one.

It is short because stopping an execution does not end an invocation.
"""

_PAGE_ITEMS = 1_000
_PAGE_SECONDS = 5.0
"""A page contains at most the items that a worker may announce in this time."""
_CHECKPOINT_SECONDS = 2 * REQUEST_SECONDS
"""The time to read and write a checkpoint."""
_MANY_REJECTED = 100
"""If Kafka rejects this many events in a row, the cause is not their content."""


class Pace:
    """A maximum rate. Time in which fewer items were processed is not made up for."""

    def __init__(
        self, per_second: float, clock: Clock = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def wait(self, items: int, most_seconds: float) -> None:
        """Wait until the rate allows the items that were just processed, but at most this long."""
        now = self._clock()
        self._free_at = max(self._free_at, now - items / self._per_second) + items / self._per_second
        if self._free_at > now:
            self._sleep(min(self._free_at - now, most_seconds))


class Pages(ABC):
    """The pages of a segment, and what a worker does with them.

    Each method raises:
        Misconfigured: an operator must change something first.
        Undelivered: Kafka, DynamoDB or S3 did not respond.

    """

    @abstractmethod
    def read(self, segment: int, progress: Progress, limit: int) -> Page:
        """Return the next page, with at most this many items if the page can be divided."""

    @abstractmethod
    def process(self, segment: int, progress: Progress, page: Page, deadline: Deadline) -> PageCounts:
        """Process the items of a page."""


class Announcement(Pages):
    """The announcement of scanned items.

    Args:
        plan: the run's plan.
        pipeline: converts items to messages and publishes them.
        tables: reads items.
        delivery_seconds: the maximum time to wait for Kafka.
        invocation: an id of the invocation, so that no other worker on the segment announces events with the same ids.

    """

    def __init__(
        self, plan: Plan, pipeline: Pipeline, tables: Tables, delivery_seconds: float, invocation: str
    ) -> None:
        self.plan = plan
        self.pipeline = pipeline
        self.tables = tables
        self.delivery_seconds = delivery_seconds
        self.invocation = invocation

    def make_announcer(self, progress: Progress) -> Announcer:
        """Return the announcer of a segment's attempt."""
        worker = f"{progress.attempt}/{self.invocation}"
        return Announcer(self.plan, self.pipeline, self.tables, self.delivery_seconds, worker)

    @override
    def read(self, segment: int, progress: Progress, limit: int) -> Page:
        return self.tables.scan(self.plan.table_arn, segment, self.plan.request.segments, progress.after, limit)

    @override
    def process(self, segment: int, progress: Progress, page: Page, deadline: Deadline) -> PageCounts:
        return self.make_announcer(progress).announce(page.items, deadline)


class Worker(NamedTuple):
    """A worker on a run's segments."""

    plan: Plan
    pages: Pages
    checkpoints: Checkpoints
    pace: Pace
    clock: Clock
    now: Clock = time.time

    def work(self, segment: int, deadline: Deadline, end: Deadline) -> bool:
        """Announce a segment's items from its last checkpoint on; return True if the segment is complete.

        Args:
            segment: the segment's number.
            deadline: when to stop starting pages.
            end: when the invocation ends; the last page must be finished by then.

        Raises:
            Misconfigured: an operator must change something first.
            Undelivered: Kafka, DynamoDB or S3 did not respond. Pages with a checkpoint stay done.

        """
        progress, pages = self.checkpoints.read(segment), 0
        if not progress.is_complete:
            progress = _begin(progress)
            self.checkpoints.write(segment, progress)
        while not progress.is_complete and deadline.remaining():
            try:
                progress = self._process_page(segment, progress, end)
            except Undelivered as error:
                if not pages:
                    raise
                # There was progress, so the next invocation starts with all retries left: a Retrier counts only the
                # retries of one visit to its state (https://states-language.net/spec.html#errors)
                logger.error("segment interrupted", segment=segment, reason=str(error))
                break
            pages += 1
        return progress.is_complete

    def _process_page(self, segment: int, progress: Progress, end: Deadline) -> Progress:
        """Process the next page of a segment, then write the checkpoint."""
        started, request = self.clock(), self.plan.request
        limit = max(1, min(progress.page_items, int(request.items_per_second * _PAGE_SECONDS)))
        page = self.pages.read(segment, progress, limit)
        announced = self.pages.process(segment, progress, page, end)
        # A throttled scan has read less than its limit
        page_items = _adapt(limit if page.after is None else max(1, len(page.items)), self.clock() - started)
        self.pace.wait(len(page.items) + announced.again, max(0.0, end.remaining() - _CHECKPOINT_SECONDS))
        if self.checkpoints.read(segment) != progress:
            # The run was resumed while an invocation of the stopped execution was still working
            raise Undelivered(f"segment {segment} is being processed by another worker: try again later")
        rejected = Counter({f"{REJECTED}{reason}": count for reason, count in announced.rejected.items()})
        progress = progress._replace(
            after=page.after,
            is_complete=page.after is None,
            items=progress.items + len(page.items),
            delivered=progress.delivered + announced.delivered,
            again=progress.again + announced.again,
            skipped=Counter(progress.skipped) + announced.skipped,
            poison=Counter(progress.poison) + announced.poison + rejected,
            seconds=progress.seconds + self.clock() - started,
            still_changing=progress.still_changing + announced.still_changing,
            rejected_in_a_row=_count_rejected(progress, announced),
            page_items=page_items,
            pages=progress.pages + 1,
            verdicts=Counter(progress.verdicts) + announced.verdicts,
            candidates=progress.candidates + announced.candidates,
            read_ms=round(self.now() * 1_000),
        )
        self.checkpoints.write(segment, progress)
        self._report_page(segment, len(page.items), announced)
        return progress

    def _report_page(self, segment: int, items: int, announced: PageCounts) -> None:
        """Emit the metrics of a page, and log them."""
        counts = {
            "ItemsScanned": items,
            "EventsAgain": announced.again,
        }
        delivered = 0 if self.plan.request.dry_run else announced.delivered
        metrics.emit(counts, to_table_name(self.plan.table_arn), announced.skipped, {AVAILABLE: delivered})
        logger.info(
            "page announced",
            segment=segment,
            poison=announced.poison.total() + announced.rejected.total(),
            still_changing=announced.still_changing,
            extra={**counts, "EventsDelivered": delivered},
        )


def _begin(progress: Progress) -> Progress:
    """Return the progress for a new invocation.

    The invocation before may have been killed between an event and its checkpoint. The new events must not have the ids
    of those events, and the page may have been too large for the time.
    """
    return progress._replace(
        attempt=progress.attempt + 1, page_items=max(1, min(progress.page_items, FIRST_PAGE_ITEMS) // 2)
    )


def _adapt(items: int, seconds: float) -> int:
    """Return the size of the next page, from that of the last one and the time that it took.

    A page must end before the invocation does, because an unfinished page is announced again. So the pages are small if
    the table is throttled or Kafka is slow.
    """
    if seconds > 2 * _PAGE_SECONDS:
        return max(1, items // 2)
    return min(_PAGE_ITEMS, items * 2) if seconds < _PAGE_SECONDS else items


def _count_rejected(progress: Progress, announced: PageCounts) -> int:
    """Return the number of events that Kafka rejected since the last page with a delivered event.

    Raises:
        Misconfigured: there are so many that the cause is not their content.

    """
    if announced.delivered:
        return 0
    rejected = progress.rejected_in_a_row + announced.rejected.total()
    if rejected >= _MANY_REJECTED:
        raise Misconfigured(
            f"Kafka rejected {rejected} events in a row ({', '.join(sorted(announced.rejected))}): "
            "change the topic's settings, then start a new run"
        )
    return rejected
