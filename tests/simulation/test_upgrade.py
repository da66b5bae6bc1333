"""Upgrades and rollbacks while records fail: after each failed invocation, another version retries the batch.

Lambda keeps the position of a shard when the function changes, so a new version starts with the records that the
previous one did not deliver. The versions have the same code and other limits. That all versions write the same bytes
for a change is tested with the stored events in schemas/examples.
"""

from collections.abc import Sequence
from typing import override

import pytest

from tests.simulation.invariants import Broken
from tests.simulation.machine import Machine, Tally, run_machine
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.scale import SEED, report, scaled
from tests.simulation.world import SETTINGS
from tests.support.modelled_kafka import Fate

CHUNK = scaled(60, 500)
RUNS = scaled(60, 5_000)
VERSIONS = (SETTINGS, SETTINGS._replace(delivery_timeout_ms=9_000, dead_letter_limit=7))
LOSING = [each for each in MUTANTS if each.name == "no report counts as delivered"]
CHANGING = [each for each in MUTANTS if each.name == "the bytes depend on what was encoded before"]


class UpgradeMachine(Machine):
    """The steps of a history in which no version retries its own failed batch.

    Environments of the previous version are frozen. The step `thaw_instances` resumes them, so both versions can take
    turns.
    """

    @override
    def invoke(self, invocations: Sequence[tuple[int, list[Fate], int]]) -> None:
        for invocation in invocations:
            failures = self.world.failures
            super().invoke([invocation])
            if self.world.failures > failures:
                self.change_version()

    def change_version(self) -> None:
        """Deploy the other version."""
        (self.world.settings,) = [version for version in VERSIONS if version != self.world.settings]
        self.world.replace_instances()


def test_promises__hold_while_versions_change() -> None:
    """Every invariant holds after every step, and in the end every record is settled."""
    tally = Tally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # pytest shows it on failure
        run_machine(CHUNK, seed, machine=UpgradeMachine, tally=tally)
    assert tally.runs >= RUNS
    assert min(tally.failures, tally.acknowledged, tally.dead_lettered) > RUNS // 2
    report("upgrade", f"{tally}; then another version retried the batch")


@pytest.mark.parametrize("mutant", [*LOSING, *CHANGING], ids=["a lost record", "a changed event"])
def test_promises__are_checked_while_versions_change(mutant: Mutant) -> None:
    """The histories break the promise that the mutant violates."""
    with mutant.alive(), pytest.raises(Broken) as raised:
        run_machine(CHUNK, SEED, machine=UpgradeMachine, watched=mutant.killed_by)
    assert raised.value.invariants == {mutant.killed_by}
