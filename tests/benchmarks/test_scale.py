"""The model's arithmetic, on round numbers."""

import pytest

from benchmarks.scale import Profile, to_lane

PROFILE = Profile(invocation_ms=1.0, record_us=10.0)


@pytest.mark.parametrize(
    ("memory_mb", "batch", "duration_ms"),
    [
        pytest.param(1_769, 1_000, 21, id="a whole vCPU: 1 ms, 1,000 times 10 us, and one acknowledgement"),
        pytest.param(3_538, 1_000, 21, id="twice the memory: Python uses no more than one"),
        pytest.param(1_769 / 2, 1_000, 32, id="half a vCPU: the CPU takes twice as long, the acknowledgement does not"),
        pytest.param(1_769, 2_000, 41, id="two waves: two acknowledgements"),
        pytest.param(1_769, 1, 12, id="a single record: billed in whole milliseconds"),
    ],
)
def test_lane__takes(memory_mb: int, batch: int, duration_ms: int) -> None:
    """A batch's time is its CPU by the share of a vCPU, and its waves' acknowledgements."""
    assert to_lane(PROFILE, memory_mb, batch).duration_ms == duration_ms


def test_lane__costs() -> None:
    """A million events cost their batches' gigabyte-seconds and requests."""
    lane = to_lane(PROFILE, 1_024, 1_000)
    assert lane.records_per_second == pytest.approx(1_000 / lane.duration_ms * 1e3)
    assert lane.dollars_per_million == pytest.approx(1_000 * (lane.duration_ms / 1e3 * 0.000_013_333_4 + 0.000_000_2))
