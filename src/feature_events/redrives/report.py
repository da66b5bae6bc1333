"""Count the work of a run, and report it.

A run can end with an error or at its deadline. The report then says what was done and how to resume.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from feature_events.failures.failure_store import Failure
from feature_events.logs import logger
from feature_events.outcome import RecordOutcome
from feature_events.redrives.record import RedrivenRecord
from feature_events.redrives.request import RedriveRequest

_EXAMPLES = 20


class RedriveExample(TypedDict):
    """A record that was not delivered, and the reason."""

    object: str
    sequence_number: str | None
    end: RecordOutcome
    reason: str


class RedriveReport(TypedDict):
    """The result of a run: its objects, and its records by outcome."""

    dry_run: bool
    complete: bool
    """True if the run processed all requested objects."""
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
    """The time of the oldest change whose event was sent or is deliverable. Kafka's retention may be shorter."""
    moved: int
    """Objects that were moved to `redriven/`."""
    missing: int
    """Objects that do not exist: an earlier or concurrent run has redriven them."""
    unreadable: int
    """Objects without records, or that the role is not allowed to read. They stay."""
    examples: Sequence[RedriveExample]
    """The first records that were not delivered. The log contains all of them."""
    next: NotRequired[Mapping[str, Any]]
    """The request that resumes an incomplete run."""


class Tally:
    """The counts of a run so far."""

    def __init__(self, request: RedriveRequest) -> None:
        self.moved = 0
        self.missing = 0
        self.after = request.after
        """The key of the last object that is done."""
        self.is_complete = False
        self._request = request
        self._outcomes: Counter[RecordOutcome] = Counter()
        self._objects = self._unreadable = 0
        self._oldest_ms: int | None = None
        self._examples: list[RedriveExample] = []

    def count_objects(self, failures: Sequence[Failure]) -> None:
        """Count objects that were read, and log those without records."""
        self._objects += len(failures)
        for failure in failures:
            if failure.records is None:
                self._unreadable += 1
                logger.warning("object not redriven", object=failure.key, reason=failure.obstacle)

    def count_outcomes(self, records: Sequence[RedrivenRecord]) -> None:
        """Count records by outcome, and log those that were not delivered."""
        for each in records:
            self._outcomes[each.outcome] += 1
            if each.encoded and each.outcome in (RecordOutcome.DELIVERED, RecordOutcome.DELIVERABLE):
                timestamp_ms = each.encoded.message.timestamp_ms
                self._oldest_ms = min(timestamp_ms, self._oldest_ms or timestamp_ms)
            if each.obstacle is not None:
                table, number, _ = each.identity
                example = RedriveExample(
                    object=each.failure.key, sequence_number=number, end=each.outcome, reason=str(each.obstacle)
                )
                logger.warning("record not redriven", extra={"table": table, **example})
                if len(self._examples) < _EXAMPLES:
                    self._examples.append(example)

    def to_report(self) -> RedriveReport:
        """Return the report, the response to the request."""
        outcomes = self._outcomes
        report = RedriveReport(
            dry_run=self._request.dry_run,
            complete=self.is_complete,
            objects=self._objects,
            records=outcomes.total(),
            delivered=outcomes[RecordOutcome.DELIVERED],
            skipped=outcomes[RecordOutcome.SKIPPED],
            stale=outcomes[RecordOutcome.STALE],
            poison=outcomes[RecordOutcome.POISON],
            unchecked=outcomes[RecordOutcome.UNCHECKED],
            undelivered=outcomes[RecordOutcome.UNDELIVERED],
            deliverable=outcomes[RecordOutcome.DELIVERABLE],
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
        """Return the request that resumes the run, without default values."""
        defaults = RedriveRequest()._asdict()
        fields = self._request._replace(after=self.after)._asdict()
        return {name: value for name, value in fields.items() if value != defaults[name]}


def _to_iso(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")
