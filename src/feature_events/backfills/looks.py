"""Decide what a run with `missing_only` does next: read the topic, wait, or report.

A look reads the topic, then the items: the first look all items of the table, each later one the candidates of the look
before. Everything is stored, so that a resumed run continues with its latest look.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from feature_events.aws.objects import read_all
from feature_events.backfills.checkpoints import Checkpoints, Progress
from feature_events.backfills.plan import Plan
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.topic.reader import TopicReader
from feature_events.topic_index.look import SETTLE_SECONDS, Look, plan_first_look, plan_next_look
from feature_events.topic_index.store import IndexStore


class NextStep(TypedDict):
    """What the state machine does next. It contains only numbers, the run's name and the state."""

    state: Literal["announce", "index", "wait", "report"]
    run: str
    look: int
    workers: int
    partitions: Sequence[int]
    buckets: Sequence[int]
    segments: Sequence[int]


def to_next_step(run: str, plan: Plan, look: Look | None, segments: Sequence[int]) -> NextStep:
    """Return the step that processes these segments, after reading the topic if there is a look."""
    return NextStep(
        state="announce" if look is None else "index",
        run=run,
        look=look.number if look else 0,
        workers=plan.request.workers,
        partitions=look.partitions if look else [],
        buckets=list(range(look.buckets)) if look else [],
        segments=segments,
    )


class Looks:
    """The looks of one run.

    Every method raises Misconfigured if an operator must change something, and Undelivered if Kafka or S3 did not
    respond.
    """

    def __init__(self, run: str, plan: Plan, store: IndexStore, checkpoints: Checkpoints) -> None:
        self._run = run
        self._plan = plan
        self._store = store
        self._checkpoints = checkpoints

    def begin(self, reader: TopicReader, now_ms: int, deadline: Deadline) -> NextStep:
        """Begin with the first look, or continue with the latest one."""
        look = self.find_latest()
        if look is None:
            offsets, since_ms = reader.find_offsets(deadline), self._plan.request.since_ms
            starts: Mapping[int, int] = {partition: each.oldest for partition, each in offsets.items()}
            if since_ms:
                starts = reader.find_starts(since_ms, offsets, deadline)
                firsts = reader.find_starts(0, offsets, deadline)  # the oldest offset can be without a message
                offsets = {
                    partition: each._replace(oldest=firsts[partition]) if each.oldest else each
                    for partition, each in offsets.items()
                }
            look = plan_first_look(offsets, starts, since_ms, now_ms)
            self._store.write_look(look)
        return to_next_step(self._run, self._plan, look, self._find_segments(look.number))

    def proceed(self, number: int, reader: TopicReader, now_ms: int, deadline: Deadline) -> NextStep:
        """Return what follows a look whose segments are complete.

        The wait before the next look begins when all items have been read. The live events of their last writes are
        then in the topic after `SETTLE_SECONDS`, or late.
        """
        segments = self._find_segments(number + 1)
        step = NextStep(
            state="wait",
            run=self._run,
            look=number,
            workers=self._plan.request.workers,
            partitions=[],
            buckets=[],
            segments=[],
        )
        if not segments:
            return {**step, "state": "report"}
        look = self._store.read_look(number + 1)
        if look is None:
            ends = self._store.read_waiting(number + 1)
            if ends is None:
                found = reader.find_offsets(deadline)
                self._store.write_waiting(number + 1, {partition: each.end for partition, each in found.items()})
                return step
            read_ms = max(progress.read_ms for progress in self._read(number, self._find_segments(number)))
            if now_ms < read_ms + SETTLE_SECONDS * 1_000:
                return step
            look = plan_next_look(self.read(number), ends, read_ms, reader.find_offsets(deadline))
            self._store.write_look(look)
        return to_next_step(self._run, self._plan, look, segments)

    def read(self, number: int) -> Look:
        """Return a look of this run."""
        look = self._store.read_look(number)
        if look is None:
            raise Misconfigured(
                f"run {self._run} has no look {number}: its objects in the failure bucket were deleted; start a new run"
            )
        return look

    def find_latest(self) -> Look | None:
        """Return the latest look, or None if there is none."""
        latest, number = None, 0
        while look := self._store.read_look(number):
            latest, number = look, number + 1
        return latest

    def read_later_progresses(self) -> Sequence[Progress]:
        """Return the progress of the segments of all looks but the first."""
        latest = self.find_latest()
        numbers = range(1, 1 + latest.number) if latest else ()
        return [progress for number in numbers for progress in self._read(number, self._find_segments(number))]

    def _find_segments(self, number: int) -> Sequence[int]:
        """Return the segments of a look: at first all, later those with candidates of the look before."""
        if not number:
            return list(range(self._plan.request.segments))
        former = self._find_segments(number - 1)
        found = zip(former, self._read(number - 1, former), strict=True)
        return [segment for segment, progress in found if progress.candidates]

    def _read(self, number: int, segments: Sequence[int]) -> Sequence[Progress]:
        checkpoints = self._checkpoints.of_look(number)
        return read_all(checkpoints.read, segments)
