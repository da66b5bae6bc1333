"""Test by simulation that every item's last event shows its current state after a backfill."""

from tests.simulation.backfill_machine import BackfillMachine, BackfillTally
from tests.simulation.machine import run_machine
from tests.simulation.scale import SEED, report, scaled

CHUNK = scaled(300, 1000)
RUNS = scaled(300, 50_000)


def test_backfill__announces_the_current_state_of_every_item() -> None:
    """Items are written, reads are throttled, the live stream fails, and workers are killed between any two steps."""
    tally = BackfillTally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # pytest shows it on failure
        run_machine(CHUNK, seed, machine=BackfillMachine, steps=6, tally=tally)
    assert tally.runs >= RUNS
    least = RUNS // 10  # histories must not be idle
    assert min(tally.writes, tally.pages, tally.kills, tally.failures, tally.again, tally.throttled, tally.hot) > least
    report("backfill", str(tally))
