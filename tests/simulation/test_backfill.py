"""Whatever happens between the steps of a backfill, an item's last event tells its current state in the end."""

from tests.simulation.backfill_machine import BackfillMachine, BackfillTally
from tests.simulation.machine import run_machine
from tests.simulation.scale import SEED, report, scaled

CHUNK = 1000
RUNS = scaled(1000, 50_000)


def test_backfill__ends_with_the_current_state_of_every_item() -> None:
    """Writes, deletes, a live stream that lags and fails, and workers killed between any two steps."""
    tally = BackfillTally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # shown where it fails
        run_machine(CHUNK, seed, machine=BackfillMachine, steps=6, tally=tally)
    assert tally.runs >= RUNS
    least = RUNS // 10  # so that the histories are not idle
    assert min(tally.writes, tally.pages, tally.kills, tally.failures, tally.again) > least
    report("backfill", str(tally))
