"""Each invariant can fail: for every mutant of the code the machine finds the promise that it breaks."""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.simulation.backfill_machine import BackfillMachine
from tests.simulation.backfill_mutants import BACKFILL_MUTANTS
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.machine import Machine, run_machine
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.scale import report

RUNS = 2000
"""Four times what the one that lives longest needs."""


CASES: tuple[tuple[Mutant, type[RuleBasedStateMachine]], ...] = (
    *[(mutant, Machine) for mutant in MUTANTS],
    *[(mutant, BackfillMachine) for mutant in BACKFILL_MUTANTS],
)


@pytest.mark.parametrize(("mutant", "machine"), CASES, ids=[mutant.name for mutant, _ in CASES])
def test_invariants__notice(mutant: Mutant, machine: type[RuleBasedStateMachine]) -> None:
    """The invariant that the mutant breaks is found broken, with nothing else watched."""
    with mutant.alive(), pytest.raises(Broken) as raised:
        run_machine(RUNS, 1, machine=machine, watched=mutant.killed_by)
    assert raised.value.invariants == {mutant.killed_by}
    report("mutants", mutant.killed_by)


def test_invariants__can_all_fail() -> None:
    """No invariant is without a mutant."""
    assert {mutant.killed_by for mutant, _ in CASES} == set(INVARIANTS)
