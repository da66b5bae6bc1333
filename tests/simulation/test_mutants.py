"""Each invariant can fail: for every mutant, the machine finds the invariant that it breaks."""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.simulation.backfill_machine import BackfillMachine
from tests.simulation.backfill_mutants import BACKFILL_MUTANTS
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.machine import Machine, run_machine
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.scale import report

RUNS = 2000
"""Four times the runs that the longest-surviving mutant needs."""


CASES: tuple[tuple[Mutant, type[RuleBasedStateMachine]], ...] = (
    *[(mutant, Machine) for mutant in MUTANTS],
    *[(mutant, BackfillMachine) for mutant in BACKFILL_MUTANTS],
)


@pytest.mark.parametrize(("mutant", "machine"), CASES, ids=[mutant.name for mutant, _ in CASES])
def test_invariants__notice_each_mutant(mutant: Mutant, machine: type[RuleBasedStateMachine]) -> None:
    """The mutant's invariant breaks while only that one is watched."""
    with mutant.alive(), pytest.raises(Broken) as raised:
        run_machine(RUNS, 1, machine=machine, watched=mutant.killed_by)
    assert raised.value.invariants == {mutant.killed_by}
    report("mutants", mutant.killed_by)


def test_invariants__can_all_fail() -> None:
    """Every invariant has a mutant."""
    assert {mutant.killed_by for mutant, _ in CASES} == set(INVARIANTS)
