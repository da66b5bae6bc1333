"""Generated histories: every invariant holds after every step, and in the end every record is settled."""

import pytest

from tests.simulation.machine import Tally, run_machine
from tests.simulation.scale import SEED, report, scaled

CHUNK = scaled(300, 1000)
RUNS = scaled(300, 50_000)


def test_promises__hold_in_generated_histories() -> None:
    """Histories contain writes, faults of Kafka, S3 and Lambda, new and frozen instances, and time."""
    tally = Tally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # pytest shows it on failure
        run_machine(CHUNK, seed, tally=tally)
    assert tally.runs >= RUNS
    least = RUNS // 10  # so that the histories are not idle
    assert min(tally.invocations, tally.failures, tally.acknowledged, tally.dead_lettered, tally.on_failure) > least
    report("machine", str(tally))


@pytest.mark.parametrize("seed", [SEED])
def test_promises__hold_in_long_histories(seed: int) -> None:
    """Histories with five times as many steps keep the promises too."""
    run_machine(scaled(15, 2000), seed, steps=60)
