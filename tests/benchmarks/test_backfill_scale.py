"""The arithmetic of the backfill's model, with round numbers."""

import pytest

from benchmarks.backfill_scale import Bill, find_limit, model_run
from feature_events.backfills.request import BackfillRequest

REQUEST = BackfillRequest("table", segments=10, workers=5, events_per_second=500)


@pytest.mark.parametrize(
    ("memory_mb", "limit"),
    [
        pytest.param(1_769, 800, id="one vCPU: a page needs 1 s of CPU and 250 ms of waiting"),
        pytest.param(3_538, 800, id="two vCPUs: Python uses only one"),
        pytest.param(1_769 / 2, 1_000 / 2.25, id="half a vCPU: twice the CPU time, the same waiting"),
    ],
)
def test_find_limit__depends_on_cpu_and_waiting(memory_mb: int, limit: float) -> None:
    """The time for a page consists of its CPU time and the waiting."""
    assert find_limit(1_000, memory_mb) == pytest.approx(limit)


def test_model_run__computes_time_and_requests() -> None:
    """Ten segments are two waves of five workers, each with 100 items per second, for 1,000 seconds."""
    run = model_run(1_000_000, REQUEST, limit=800)
    assert run.seconds == pytest.approx(2_000)
    assert run.read_units == pytest.approx(1_250_000)
    assert (run.invocations, run.transitions, run.puts) == (2 + 90, 3 + 20 + 180, 1 + 1_000)


def test_model_run__computes_the_bill() -> None:
    """The bill contains read units, GB-seconds, requests, transitions and puts."""
    assert model_run(1_000_000, REQUEST, limit=800).bill == pytest.approx(
        Bill(
            reads=1.25 * 0.125,
            function=10_000 * 512 / 1_024 * 0.000_013_333_4 + 92 * 0.000_000_2,
            state_machine=203 * 0.000_025,
            checkpoints=1_001 * 0.000_005,
        )
    )


def test_model_run__respects_the_limit_of_its_workers() -> None:
    """A rate above the limit has no effect."""
    faster = REQUEST._replace(events_per_second=100_000)
    assert model_run(1_000_000, faster, limit=50).seconds == pytest.approx(4_000)
