"""The backfill's model: its arithmetic, on round numbers."""

import pytest

from benchmarks.backfill_scale import Bill, to_limit, to_run
from feature_events.backfills.request import BackfillRequest

REQUEST = BackfillRequest("table", segments=10, workers=5, events_per_second=500)


@pytest.mark.parametrize(
    ("memory_mb", "limit"),
    [
        pytest.param(1_769, 800, id="a whole vCPU: a page is 1 s of CPU and 250 ms of waiting"),
        pytest.param(3_538, 800, id="twice the memory: Python uses no more than one"),
        pytest.param(1_769 / 2, 1_000 / 2.25, id="half a vCPU: the CPU takes twice as long, the waiting does not"),
    ],
)
def test_limit__is(memory_mb: int, limit: float) -> None:
    """A worker's most is a page by its CPU's share and its waiting."""
    assert to_limit(1_000, memory_mb) == pytest.approx(limit)


def test_run__takes() -> None:
    """Ten segments are two waves of five workers, each with a hundred items a second, for a thousand seconds."""
    run = to_run(1_000_000, REQUEST, limit=800)
    assert run.seconds == pytest.approx(2_000)
    assert run.read_units == pytest.approx(1_250_000)
    assert (run.invocations, run.transitions, run.puts) == (2 + 90, 3 + 20 + 180, 1 + 1_000)


def test_run__costs() -> None:
    """The bill is that of the read units, of the gigabyte-seconds and requests, of the transitions and of the puts."""
    assert to_run(1_000_000, REQUEST, limit=800).bill == pytest.approx(
        Bill(
            reads=1.25 * 0.125,
            function=10_000 * 512 / 1_024 * 0.000_013_333_4 + 92 * 0.000_000_2,
            state_machine=203 * 0.000_025,
            checkpoints=1_001 * 0.000_005,
        )
    )


def test_run__is_no_faster_than_its_workers_can_be() -> None:
    """A rate that is beyond the workers' most changes nothing."""
    faster = REQUEST._replace(events_per_second=100_000)
    assert to_run(1_000_000, faster, limit=50).seconds == pytest.approx(4_000)
