"""Simulate lost events, late and repeated ones, added partitions, and backfills with `missing_only` among them."""

from dataclasses import dataclass
from typing import override

import hypothesis.strategies as st

from tests.simulation.audit_world import DELIVER, ENTITIES, LOSE, MOVES, NOTHING, REPEAT, WRITE, AuditWorld, Move
from tests.simulation.machine import RecordedMachine, step

NUMBERS = st.integers(0, 2 * ENTITIES - 1)
_KINDS = st.sampled_from((WRITE, WRITE, LOSE, DELIVER, REPEAT))
BETWEEN = st.lists(st.tuples(st.sampled_from((*MOVES, WRITE, DELIVER, *[NOTHING] * 5)), NUMBERS), max_size=16)


@dataclass
class AuditTally:
    """The totals of all histories."""

    runs: int = 0
    writes: int = 0
    looks: int = 0
    kills: int = 0
    repaired: int = 0

    def add(self, world: AuditWorld) -> None:
        """Add one history."""
        self.runs += 1
        self.writes += world.writes
        self.looks += world.looks
        self.kills += world.kills
        self.repaired += world.repaired

    def __str__(self) -> str:
        return (
            f"{self.runs:,} histories of {self.writes:,} writes and {self.looks:,} looks at the topic: workers were "
            f"killed {self.kills:,} times, and {self.repaired:,} events were announced again"
        )


class AuditMachine(RecordedMachine):
    """The steps of a history."""

    tally: AuditTally | None = None

    def __init__(self) -> None:
        super().__init__()
        self.world = AuditWorld(self.watched)

    @step(moves=st.lists(st.tuples(_KINDS, NUMBERS), min_size=1, max_size=6))
    def change(self, moves: list[Move]) -> None:
        """Write items, some of whose events are lost, and deliver and repeat events."""
        for move in moves:
            self.world.move(move)

    @step(between=BETWEEN)
    def audit(self, between: list[Move]) -> None:
        """Run a backfill, with other moves between its steps."""
        self.world.audit(between)

    @override
    def finish(self) -> None:
        self.world.finish()
        if self.tally is not None:
            self.tally.add(self.world)
