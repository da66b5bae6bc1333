"""Whatever happens in whatever order, every invariant holds after every step, and in the end all is delivered."""

import pytest

from tests.simulation.machine import Tally, run_machine
from tests.simulation.scale import SEED, report, scaled

CHUNK = 1000
RUNS = scaled(1000, 50_000)


def test_promises__hold_in_whatever_happens() -> None:
    """Writers, faults of Kafka, S3 and Lambda, new and frozen instances and time, in generated histories."""
    tally = Tally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # shown where it fails
        run_machine(CHUNK, seed, tally=tally)
    assert tally.runs >= RUNS
    least = RUNS // 10  # so that the histories are not idle
    assert min(tally.invocations, tally.failures, tally.acknowledged, tally.dead_lettered, tally.on_failure) > least
    report("machine", str(tally))


@pytest.mark.parametrize("seed", [SEED])
def test_promises__hold_in_long_histories(seed: int) -> None:
    """The same with five times as many steps."""
    run_machine(scaled(50, 2000), seed, steps=60)
