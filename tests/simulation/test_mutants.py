"""Each invariant can fail: every mutant breaks the invariant that it is about."""

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from tests.simulation.histories import CASES, RUNS, play, read_histories
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.machine import run_machine
from tests.simulation.mutants import Mutant
from tests.simulation.scale import FULL, report

each_case = pytest.mark.parametrize(("mutant", "machine"), CASES, ids=[mutant.name for mutant, _ in CASES])


@each_case
def test_stored_history__kills_its_mutant(mutant: Mutant, machine: type[RuleBasedStateMachine]) -> None:
    """The history breaks the mutant's invariant, and no invariant without the mutant."""
    history = read_histories()[mutant.name]
    play(machine, history)
    with mutant.alive(), pytest.raises(Broken) as raised:
        play(machine, history, [mutant.killed_by])
    assert raised.value.invariants == {mutant.killed_by}


@pytest.mark.skipif(not FULL, reason="only `make prove` searches for histories; `make test` plays stored ones")
@each_case
def test_generated_histories__kill_each_mutant(mutant: Mutant, machine: type[RuleBasedStateMachine]) -> None:
    """The machine finds a history that breaks the mutant's invariant while only that one is watched."""
    with mutant.alive(), pytest.raises(Broken) as raised:
        run_machine(RUNS, 1, machine=machine, watched=mutant.killed_by)
    assert raised.value.invariants == {mutant.killed_by}
    report("mutants", mutant.killed_by)


def test_invariants__can_all_fail() -> None:
    """Every invariant has a mutant."""
    assert {mutant.killed_by for mutant, _ in CASES} == set(INVARIANTS)
