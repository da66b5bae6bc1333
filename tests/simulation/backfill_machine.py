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
    KILL,
    MOVES,
    NOTHING,
    WRITE,
    BackfillWorld,
    Move,
)
from tests.simulation.machine import RecordedMachine, step
from tests.support.modelled_kafka import Fate

WRITTEN_ENTITIES = st.integers(0, ENTITIES - 1)
_BETWEEN = [(kind, entity) for kind in (*MOVES, *[WRITE, DELIVER] * 3, *[NOTHING] * 5) for entity in range(ENTITIES)]
BETWEEN = st.lists(st.sampled_from(_BETWEEN), max_size=16)
WORKER_FATES = st.lists(st.sampled_from((*FATES, *[Fate.WRITTEN] * 5)), max_size=6)


@dataclass
class BackfillTally:
    """The totals of all histories."""

    runs: int = 0
    writes: int = 0
    pages: int = 0
    kills: int = 0
    failures: int = 0
    again: int = 0

    def add(self, world: BackfillWorld) -> None:
        """Add one history."""
        self.runs += 1
        self.writes += world.writes - ENTITIES
        self.pages += world.table.scans
        self.kills += world.kills
        self.failures += world.failures
        self.again += world.checkpoints.again

    def __str__(self) -> str:
        return (
            f"{self.runs:,} histories of {self.writes:,} writes and {self.pages:,} pages: workers were killed "
            f"{self.kills:,} times and failed {self.failures:,} times, and {self.again:,} events were sent again since "
            "their items had changed"
        )


class BackfillMachine(RecordedMachine):
    """The steps of a history."""

    tally: BackfillTally | None = None

    def __init__(self) -> None:
        super().__init__()
        self.world = self.stack.enter_context(BackfillWorld(self.watched).running())

    @step(changes=st.lists(st.tuples(st.sampled_from((WRITE, WRITE, EMPTY, DELETE)), WRITTEN_ENTITIES), max_size=4))
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

    @step(entity=WRITTEN_ENTITIES, gaps=st.lists(st.integers(0, 5), min_size=1, max_size=4), fates=WORKER_FATES)
    def race(self, entity: int, gaps: list[int], fates: list[Fate]) -> None:
        """Write an item between a worker's steps, and deliver its live event immediately."""
        written = [[*[(NOTHING, 0)] * gap, (WRITE, entity), (DELIVER, 0), (DELIVER, 0)] for gap in gaps]
        self.world.work(entity % 2, [move for moves in written for move in moves], fates)

    @step(segment=st.integers(0, 1), steps=st.integers(0, 10))
    def kill(self, segment: int, steps: int) -> None:
        """Kill a worker after this number of steps."""
        self.world.work(segment, [*[(NOTHING, 0)] * steps, (KILL, 0)], [])

    @override
    def finish(self) -> None:
        self.world.finish()
        if self.tally is not None:
            self.tally.add(self.world)
