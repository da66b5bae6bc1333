"""Simulate everything that can bring events of an item to the topic, in any order."""

from dataclasses import dataclass
from enum import StrEnum
from typing import override

import hypothesis.strategies as st

from feature_events.layouts.parser import parse_table_layouts
from tests.simulation.backfill_ends import SEGMENTS
from tests.simulation.machine import RecordedMachine, step
from tests.simulation.rule_table import (
    ACCEPT,
    CHANGES,
    DELETE,
    DELIVER,
    EMPTY,
    EXPIRE,
    FIRST_NUMBERS,
    ITEMS,
    KILL,
    LOSE,
    NAMES,
    NOTHING,
    REFUSE,
    RESTORE,
    STAMP,
    WRITE,
    Move,
)
from tests.simulation.rule_world import RuleWorld
from tests.simulation.world import SETTINGS
from tests.support.modelled_kafka import Fate

RULE_SETTINGS = SETTINGS._replace(removals="events", dead_letter_limit=1_000_000)
_ONE_FEATURE = """[{
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}-{feature}"},
    "entity_type": "bright_uid",
    "features": {"names": ["{feature}"]},
    "updated_at": "features.meta.updated_at",
    "compute_id": "features.meta.compute_id"
}]"""
ONE_FEATURE_SETTINGS = RULE_SETTINGS._replace(table_layouts=parse_table_layouts(_ONE_FEATURE))
"""The settings of a table in which each item is one feature."""

BACKFILLS = st.integers(0, 1)
"""The numbers of the backfills."""
SKEWS = st.sampled_from((1.0, 0.5, 0.0, -0.5, -1.0))
"""Shares of the largest difference between the clocks."""
_TENTHS = st.sampled_from((0, 0, 1, 3, 9, 10, 31))
_OFTEN = (*CHANGES, WRITE, WRITE, STAMP, RESTORE, EMPTY, DELETE, EXPIRE, LOSE, REFUSE, ACCEPT)

ITEM = st.integers(0, len(ITEMS) - 1)
GAP = st.integers(0, 8)
"""A number of steps of a function."""
_REFUSED = 1 << len(NAMES) - 1
"""The bit of the feature that Kafka can refuse."""


def _to_moves(*kinds: str) -> st.SearchStrategy[Move]:
    return st.builds(Move, st.sampled_from(kinds), ITEM, st.integers(1, 63), _TENTHS)


WRITTEN = st.lists(_to_moves(*_OFTEN, *[DELIVER] * 4), min_size=3, max_size=12)
BETWEEN = st.lists(_to_moves(*_OFTEN, *[KILL] * 3, *[DELIVER] * 4, *[NOTHING] * 6), max_size=16)
FATES = st.lists(st.sampled_from((*Fate, *[Fate.WRITTEN] * 8)), max_size=4)


class Incident(StrEnum):
    """Something that happens once."""

    RECREATE = "the table is replaced by another one with its name"
    READ_AGAIN = "the mapping is created again, so that it delivers the whole stream again"
    CATCH_UP = "the messages on the wire arrive"


@dataclass
class RuleTally:
    """The totals of all histories."""

    runs: int = 0
    changes: int = 0
    removals: int = 0
    redrives: int = 0
    late: int = 0
    backfills: int = 0
    kills: int = 0
    checks: int = 0

    def add(self, world: RuleWorld) -> None:
        """Add one history."""
        self.runs += 1
        self.changes += world.table.changes
        self.removals += world.table.removals
        self.redrives += world.redrives
        self.late += world.redriven
        self.backfills += len(world.runs)
        self.kills += world.kills
        self.checks += world.checks

    def __str__(self) -> str:
        return (
            f"{self.runs:,} histories of {self.changes:,} changes ({self.removals:,} removals), {self.redrives:,} "
            f"redrives of {self.late:,} events and {self.backfills:,} backfills, with {self.kills:,} killed workers; "
            f"{self.checks:,} comparisons"
        )


class RuleMachine(RecordedMachine):
    """The steps of a history. The clocks of backfills and streams differ by less than a second."""

    tally: RuleTally | None = None
    settings = RULE_SETTINGS
    most_skew = 0.999

    def __init__(self) -> None:
        super().__init__()
        self.world = self.stack.enter_context(RuleWorld(self.settings, self.watched).running())

    @step(moves=WRITTEN)
    def write(self, moves: list[Move]) -> None:
        """Change items, and deliver some records."""
        for move in moves:
            self.world.move(Move(*move))
            self.world.check()

    @step(number=BACKFILLS, segment=st.integers(0, SEGMENTS - 1), skew=SKEWS, between=BETWEEN, fates=FATES)
    def work(self, number: int, segment: int, skew: float, between: list[Move], fates: list[Fate]) -> None:
        """Run a worker of a backfill. The first one starts its run, with this share of the largest skew."""
        self.run_worker(number, segment, skew, [Move(*move) for move in between], fates)

    @step(item=ITEM, gaps=st.lists(GAP, min_size=1, max_size=3), skew=SKEWS, fates=FATES)
    def race(self, item: int, gaps: list[int], skew: float, fates: list[Fate]) -> None:
        """Write an item between the steps of a new backfill, and deliver the live events immediately."""
        written = [[*[Move(NOTHING)] * gap, Move(WRITE, item), *[Move(DELIVER)] * 2] for gap in gaps]
        self.run_worker(1, item % SEGMENTS, skew, [move for moves in written for move in moves], fates)

    def run_worker(self, number: int, segment: int, skew: float, moves: list[Move], fates: list[Fate]) -> None:
        """Run a worker, and check."""
        runs = self.world.runs
        if number >= len(runs):
            self.world.start(skew * self.most_skew)
        self.world.work(min(number, len(runs) - 1), segment, moves, fates)
        self.world.check()

    @step(item=ITEM, gaps=st.tuples(GAP, GAP, GAP), end=st.sampled_from((NOTHING, KILL)), skew=SKEWS)
    def flicker(self, item: int, gaps: tuple[int, int, int], end: str, skew: float) -> None:
        """Write an item and restore it between the steps of a new backfill. The stream contains neither change."""
        self.world.drain()
        first, second, third = [[Move(NOTHING)] * gap for gap in gaps]
        lost = [*first, Move(LOSE), Move(WRITE, item), *second, Move(LOSE), Move(RESTORE, item), *third, Move(end)]
        self.world.move(Move(ACCEPT, tenths=31))
        self.run_worker(1, item % SEGMENTS, skew, lost, [])
        self.world.complete()
        self.world.check()

    @step(item=ITEM, skew=SKEWS)
    def repair(self, item: int, skew: float) -> None:
        """Write an item between two backfills and restore it. The stream contains only the first change."""
        self.world.drain()
        self.run_worker(1, 0, skew, [Move(ACCEPT)], [])
        self.world.complete()
        self.world.move(Move(WRITE, item))
        self.world.drain()
        self.world.move(Move(LOSE))
        self.world.move(Move(RESTORE, item))
        self.world.move(Move(NOTHING, tenths=31))
        self.run_worker(1, 0, skew, [], [])
        self.world.complete()
        self.world.check()

    @step(item=ITEM, features=st.integers(1, _REFUSED - 1), tenths=_TENTHS, force=st.booleans())
    def overtake(self, item: int, features: int, tenths: int, force: bool) -> None:  # noqa: FBT001  # Hypothesis passes it
        """Deliver an item's event only after that of a later write."""
        self.world.drain()
        for move in (Move(REFUSE), Move(WRITE, item, _REFUSED | features), Move(WRITE, item, features, tenths)):
            self.world.move(move)
        self.world.drain()
        self.world.move(Move(ACCEPT))
        self.world.redrive(force=force, moves=[], fates=[])
        self.world.check()

    @step(force=st.booleans(), between=BETWEEN, fates=FATES)
    def redrive(self, force: bool, between: list[Move], fates: list[Fate]) -> None:  # noqa: FBT001  # Hypothesis passes it
        """Redrive whatever is in the failure bucket."""
        self.world.redrive(force=force, moves=[Move(*move) for move in between], fates=fates)
        self.world.check()

    @step(lane=st.integers(0, 3), fate=st.sampled_from((*Fate, *[Fate.WRITTEN] * 4)))
    def deliver(self, lane: int, fate: Fate) -> None:
        """Deliver waiting records to the live function, and then all other records."""
        self.world.deliver(lane, fate)
        self.world.check()
        self.world.drain()
        self.world.check()

    @step(kind=st.sampled_from(CHANGES), item=ITEM, force=st.booleans())
    def grow_old(self, kind: str, item: int, force: bool) -> None:  # noqa: FBT001  # Hypothesis passes it
        """Change an item, let all waiting records grow too old, and redrive them."""
        self.world.move(Move(kind, item))
        self.world.mapping.advance(24 * 3600)
        self.world.check()
        self.world.redrive(force=force, moves=[], fates=[])
        self.world.check()

    @step(incident=st.sampled_from(Incident), first_number=st.sampled_from(FIRST_NUMBERS))
    def happen(self, incident: Incident, first_number: int) -> None:
        """Let something happen to the table, its stream or Kafka."""
        match incident:
            case Incident.RECREATE:
                self.world.table.recreate(first_number)
            case Incident.READ_AGAIN:
                self.world.table.read_again()
            case Incident.CATCH_UP:
                self.world.kafka.catch_up()
        self.world.check()

    @override
    def finish(self) -> None:
        self.world.finish()
        if self.tally is not None:
            self.tally.add(self.world)


class ChangedRuleMachine(RuleMachine):
    """The same, with `FEATURES_MODE=changed`."""

    settings = RULE_SETTINGS._replace(features_mode="changed")


class OneFeatureRuleMachine(RuleMachine):
    """The same, with one feature per item. The rule then applies to each feature of a resource."""

    settings = ONE_FEATURE_SETTINGS
