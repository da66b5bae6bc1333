"""Test by simulation that a backfill with `missing_only` finds exactly the items whose events were lost."""

from tests.simulation.audit_machine import AuditMachine, AuditTally
from tests.simulation.machine import run_machine
from tests.simulation.scale import SEED, report, scaled

CHUNK = scaled(150, 1000)
RUNS = scaled(150, 5_000)


def test_audit__announces_exactly_what_was_lost() -> None:
    """Events are lost, late and repeated, partitions are added, and workers are killed between any two steps."""
    tally = AuditTally()
    for seed in range(SEED, SEED + RUNS // CHUNK):
        print(f"seed {seed}")  # noqa: T201  # pytest shows it on failure
        run_machine(CHUNK, seed, machine=AuditMachine, steps=6, tally=tally)
    assert tally.runs >= RUNS
    assert min(tally.writes, tally.looks, tally.kills, tally.repaired) > RUNS // 10  # histories must not be idle
    report("audit", str(tally))
