"""Simulate writers, a live stream that lags and fails, and workers that are killed between any two steps."""

from dataclasses import dataclass
from typing import override

import hypothesis.strategies as st

from tests.simulation.backfill_world import (
    DELETE,
    DELIVER,
    EMPTY,
    ENTITIES,
    FATES,
    FLIP,
    KILL,
    MOVES,
    NOTHING,
    TOUCH,
    WRITE,
    BackfillWorld,
    Move,
)
from tests.simulation.machine import RecordedMachine, step
from tests.support.modelled_kafka import Fate

WRITTEN_ENTITIES = st.integers(0, ENTITIES - 1)
_BETWEEN = [
    (kind, entity) for kind in (*MOVES, *[WRITE, FLIP, DELIVER] * 2, *[NOTHING] * 5) for entity in range(ENTITIES)
]
CHANGES = st.lists(st.tuples(st.sampled_from((WRITE, FLIP, TOUCH, EMPTY, DELETE)), WRITTEN_ENTITIES), max_size=4)
BETWEEN = st.lists(st.sampled_from(_BETWEEN), max_size=16)
WORKER_FATES = st.lists(st.sampled_from((*FATES, *[Fate.WRITTEN] * 5)), max_size=6)
GAPS = st.builds(
    lambda first, later, count: [first, *[later] * count], st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)
)
"""The steps of a worker before the first write of an item, and before each of its later writes."""
FLIPS = st.lists(st.tuples(GAPS, st.sampled_from((0, 1, 2, 12))), min_size=1, max_size=4)
"""For each worker, the steps before each write of an item, and the steps before the worker is killed."""
LIMITS = st.lists(st.sampled_from((0, 1, 1, 1)), min_size=1, max_size=4)
"""The most items of each of a worker's reads."""


@dataclass
class BackfillTally:
    """The totals of all histories."""

    runs: int = 0
    writes: int = 0
    pages: int = 0
    kills: int = 0
    failures: int = 0
    again: int = 0
    throttled: int = 0
    hot: int = 0

    def add(self, world: BackfillWorld) -> None:
        """Add one history."""
        self.runs += 1
        self.writes += world.writes - ENTITIES
        self.pages += world.table.scans
        self.kills += world.kills
        self.failures += world.failures
        progresses = [each for run in world.runs.values() for each in run.progresses.values()]
        self.again += sum(each.again for each in progresses)
        self.throttled += world.table.throttled
        self.hot += sum(each.still_changing for each in progresses)

    def __str__(self) -> str:
        return (
            f"{self.runs:,} histories of {self.writes:,} writes and {self.pages:,} pages: workers were killed "
            f"{self.kills:,} times and failed {self.failures:,} times, {self.throttled:,} reads were throttled, "
            f"{self.again:,} events were sent again since their items had changed, and {self.hot:,} items kept changing"
        )


class BackfillMachine(RecordedMachine):
    """The steps of a history."""

    tally: BackfillTally | None = None

    def __init__(self) -> None:
        super().__init__()
        self.world = self.stack.enter_context(BackfillWorld(self.watched).running())

    @step(changes=CHANGES)
    def write(self, changes: list[Move]) -> None:
        """Write and delete items."""
        for change in changes:
            self.world.move(change)

    @step(lane=st.integers(0, 1), fate=st.sampled_from((*FATES, Fate.WRITTEN, Fate.WRITTEN)))
    def deliver(self, lane: int, fate: Fate) -> None:
        """Deliver waiting records to the live function."""
        self.world.deliver(lane, fate)

    @step(segment=st.integers(0, 1), between=BETWEEN, fates=WORKER_FATES)
    def work(self, segment: int, between: list[Move], fates: list[Fate]) -> None:
        """Run a worker on a segment, with writes, deliveries and kills between its steps."""
        self.world.work(segment, between, fates)

    @step(entity=WRITTEN_ENTITIES, gaps=GAPS, fates=WORKER_FATES)
    def race(self, entity: int, gaps: list[int], fates: list[Fate]) -> None:
        """Write an item between a worker's steps, and deliver its live event immediately."""
        self.world.work(entity % 2, _to_moves(WRITE, entity, gaps), fates)

    @step(entity=WRITTEN_ENTITIES, workers=FLIPS)
    def flip(self, entity: int, workers: list[tuple[list[int], int]]) -> None:
        """Switch an item between two states during one worker after the other, and kill each of them."""
        for gaps, rest in workers:
            moves = [*_to_moves(FLIP, entity, gaps), *[(NOTHING, 0)] * rest, (KILL, 0)]
            self.world.work(entity % 2, moves, [])

    @step(segment=st.integers(0, 1), entity=WRITTEN_ENTITIES)
    def heat(self, segment: int, entity: int) -> None:
        """Write an item between any two steps of a worker."""
        self.world.heat(segment, entity)

    @step(kind=st.sampled_from((WRITE, WRITE, TOUCH)), entity=WRITTEN_ENTITIES, gaps=GAPS, limits=LIMITS)
    def throttle(self, kind: str, entity: int, gaps: list[int], limits: list[int]) -> None:
        """Throttle a worker's reads, write an item between its steps, and deliver its live event immediately."""
        self.world.throttle(entity % 2, _to_moves(kind, entity, gaps), limits)

    @step(segment=st.integers(0, 1), steps=st.integers(0, 10))
    def kill(self, segment: int, steps: int) -> None:
        """Kill a worker after this number of steps."""
        self.world.work(segment, [*[(NOTHING, 0)] * steps, (KILL, 0)], [])

    @override
    def finish(self) -> None:
        self.world.finish()
        if self.tally is not None:
            self.tally.add(self.world)


def _to_moves(kind: str, entity: int, gaps: list[int]) -> list[Move]:
    """Return an item's writes, each of them this many steps after the one before and with its live event."""
    writes = [[*[(NOTHING, 0)] * gap, (kind, entity), (DELIVER, 0), (DELIVER, 0)] for gap in gaps]
    return [move for moves in writes for move in moves]
