"""Each invariant can fail: for every mutant of the code the machine finds the promise that it breaks."""

import pytest

from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.machine import run_machine
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.scale import report

RUNS = 2000
"""Four times what the one that lives longest needs."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_invariants__notice(mutant: Mutant) -> None:
    """The invariant that the mutant breaks is found broken, with nothing else watched."""
    with mutant.alive(), pytest.raises(Broken) as raised:
        run_machine(RUNS, 1, watched=mutant.killed_by)
    assert raised.value.invariants == {mutant.killed_by}
    report("mutants", mutant.killed_by)


def test_invariants__can_all_fail() -> None:
    """No invariant is without a mutant."""
    assert {mutant.killed_by for mutant in MUTANTS} == set(INVARIANTS)
