"""Counts what a run does, and reports it.

A run can end by an error or at its deadline: whoever asked is told what was done until then, and how to go on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from feature_events.failures.failure_store import Failure
from feature_events.logs import logger
from feature_events.outcome import RecordOutcome
from feature_events.redrives.candidate import Candidate
from feature_events.redrives.request import Request

_EXAMPLES = 20


class Example(TypedDict):
    """A record that was not delivered, and why."""

    object: str
    sequence_number: str | None
    end: RecordOutcome
    reason: str


class Report(TypedDict):
    """What a run did: how many records came to which end, and how many objects."""

    dry_run: bool
    complete: bool
    """Whether all that was asked for has been looked at, and nothing in it failed that stopped the run."""
    objects: int
    records: int
    delivered: int
    skipped: int
    stale: int
    poison: int
    unchecked: int
    undelivered: int
    deliverable: int
    oldest: str | None
    """When the oldest change was made whose event was to be sent; Kafka may keep less than that."""
    moved: int
    """Objects that went to `redriven/`."""
    missing: int
    """Objects that are not there: asked for by key and redriven before, or taken by another run meanwhile."""
    unreadable: int
    """Objects without records, or that the function is not allowed to read; they are left alone."""
    examples: Sequence[Example]
    """The first of those that were not delivered; the log has them all."""
    next: NotRequired[Mapping[str, Any]]
    """The request that goes on from here, where it is not complete."""


class Tally:
    """What a run has done so far."""

    def __init__(self, request: Request) -> None:
        self.moved = 0
        self.missing = 0
        self.after = request.after
        """The key of the last object that need not be looked at again."""
        self.is_complete = False
        self._request = request
        self._ends: Counter[RecordOutcome] = Counter()
        self._objects = self._unreadable = 0
        self._oldest_ms: int | None = None
        self._examples: list[Example] = []

    def count_objects(self, failures: Sequence[Failure]) -> None:
        """These were read; logs those without records."""
        self._objects += len(failures)
        for failure in failures:
            if failure.records is None:
                self._unreadable += 1
                logger.warning("object not redriven", object=failure.key, reason=failure.obstacle)

    def count_time(self, timestamp_ms: int) -> None:
        """An event of this time, in ms since 1970, is to be sent."""
        self._oldest_ms = min(timestamp_ms, self._oldest_ms or timestamp_ms)

    def count_ends(self, candidates: Sequence[Candidate]) -> None:
        """These have come to their ends; logs those that were not delivered."""
        for each in candidates:
            self._ends[each.end] += 1
            if each.reason:
                table, number, _ = each.position
                example = Example(object=each.failure.key, sequence_number=number, end=each.end, reason=each.reason)
                logger.warning("record not redriven", extra={"table": table, **example})
                if len(self._examples) < _EXAMPLES:
                    self._examples.append(example)

    def to_report(self) -> Report:
        """All that, as the answer to the request."""
        ends = self._ends
        report = Report(
            dry_run=self._request.dry_run,
            complete=self.is_complete,
            objects=self._objects,
            records=ends.total(),
            delivered=ends[RecordOutcome.DELIVERED],
            skipped=ends[RecordOutcome.SKIPPED],
            stale=ends[RecordOutcome.STALE],
            poison=ends[RecordOutcome.POISON],
            unchecked=ends[RecordOutcome.UNCHECKED],
            undelivered=ends[RecordOutcome.UNDELIVERED],
            deliverable=ends[RecordOutcome.DELIVERABLE],
            oldest=_to_iso(self._oldest_ms),
            moved=self.moved,
            missing=self.missing,
            unreadable=self._unreadable,
            examples=self._examples,
        )
        if not self.is_complete:
            report["next"] = self._to_next()
        return report

    def _to_next(self) -> Mapping[str, Any]:
        """The request that goes on from here, without what it need not say."""
        defaults = Request()._asdict()
        asked = self._request._replace(after=self.after)._asdict()
        return {name: value for name, value in asked.items() if value != defaults[name]}


def _to_iso(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")
