"""Stored histories: for each mutant, a short one that breaks its invariant.

`make test` plays them. `make prove` searches for others. After a change to the steps or the code, a stored history may
no longer kill its mutant. Then search again: `python -m tests.simulation.histories`
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from tests.simulation.audit_machine import AuditMachine
from tests.simulation.audit_mutants import AUDIT_MUTANTS
from tests.simulation.backfill_machine import BackfillMachine
from tests.simulation.backfill_mutants import BACKFILL_MUTANTS
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.machine import Machine, run_machine
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.rule_machine import ChangedRuleMachine, OneFeatureRuleMachine, RuleMachine
from tests.simulation.rule_mutants import CHANGED_MUTANTS, ONE_FEATURE_MUTANTS, RULE_MUTANTS
from tests.support.modelled_kafka import Fate

FILE = Path(__file__).with_name("histories.json")
RUNS = 4000
"""Four times the runs that the longest-surviving mutant needs."""

CASES: tuple[tuple[Mutant, type[RuleBasedStateMachine]], ...] = (
    *[(mutant, Machine) for mutant in MUTANTS],
    *[(mutant, BackfillMachine) for mutant in BACKFILL_MUTANTS],
    *[(mutant, AuditMachine) for mutant in AUDIT_MUTANTS],
    *[(mutant, RuleMachine) for mutant in RULE_MUTANTS],
    *[(mutant, ChangedRuleMachine) for mutant in CHANGED_MUTANTS],
    *[(mutant, OneFeatureRuleMachine) for mutant in ONE_FEATURE_MUTANTS],
)

type History = Sequence[tuple[str, Mapping[str, Any]]]
"""The steps: the names of rules, and their arguments."""


def read_histories() -> Mapping[str, History]:
    """Return the stored histories by the names of their mutants."""
    found: Mapping[str, History] = _decode(json.loads(FILE.read_text()))
    return found


def play(machine: type[RuleBasedStateMachine], history: History, watched: Sequence[str] = tuple(INVARIANTS)) -> None:
    """Play a history while these invariants are watched.

    Raises:
        Broken: a watched invariant does not hold.

    """
    played: RuleBasedStateMachine = type(machine.__name__, (machine,), {"watched": frozenset(watched)})()
    try:
        for name, arguments in history:
            getattr(played, name)(**arguments)
    finally:
        played.teardown()


def find_history(mutant: Mutant, machine: type[RuleBasedStateMachine]) -> History:
    """Search for the shortest history that breaks the mutant's invariant."""
    played: list[Any] = []

    def remember(self: Any) -> None:  # noqa: ANN401 -- the machine
        machine.__init__(self)
        played.append(self)

    with mutant.alive(), suppress(Broken):
        remembering = type(machine.__name__, (machine,), {"__init__": remember})
        run_machine(RUNS, 1, machine=remembering, watched=mutant.killed_by, shrinks=True)
    history: History = played[-1].history
    return history


def main() -> None:
    """Search for a history of each mutant, and store them."""
    rows = []
    for mutant, machine in CASES:
        sys.stdout.write(f"{mutant.name}\n")
        rows.append(f"  {json.dumps(mutant.name)}: {json.dumps(find_history(mutant, machine), default=_encode)}")
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def _encode(value: Fate) -> str:
    return value.name


def _decode(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return JSON with the fates instead of their names. No other text in a history looks like one."""
    if isinstance(value, dict):
        return {name: _decode(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_decode(each) for each in value]
    return Fate[value] if isinstance(value, str) and value in Fate.__members__ else value


if __name__ == "__main__":
    main()
