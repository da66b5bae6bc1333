"""The arithmetic of the model, with round numbers."""

import pytest

from benchmarks.scale import Profile, model_lane

PROFILE = Profile(invocation_ms=1.0, record_us=10.0)


@pytest.mark.parametrize(
    ("memory_mb", "batch", "duration_ms"),
    [
        pytest.param(1_769, 1_000, 21, id="one vCPU: 1 ms, 1,000 times 10 us, and one acknowledgement"),
        pytest.param(3_538, 1_000, 21, id="two vCPUs: Python uses only one"),
        pytest.param(1_769 / 2, 1_000, 32, id="half a vCPU: twice the CPU time, the same acknowledgement"),
        pytest.param(1_769, 2_000, 41, id="two waves: two acknowledgements"),
        pytest.param(1_769, 1, 12, id="one record: billed in whole milliseconds"),
    ],
)
def test_model_lane__computes_the_duration(memory_mb: int, batch: int, duration_ms: int) -> None:
    """The duration consists of the CPU time at this share of a vCPU, and of one acknowledgement for each wave."""
    assert model_lane(PROFILE, memory_mb, batch).duration_ms == duration_ms


def test_model_lane__computes_the_bill() -> None:
    """The bill contains GB-seconds and requests."""
    lane = model_lane(PROFILE, 1_024, 1_000)
    assert lane.records_per_second == pytest.approx(1_000 / lane.duration_ms * 1e3)
    assert lane.dollars_per_million == pytest.approx(1_000 * (lane.duration_ms / 1e3 * 0.000_013_333_4 + 0.000_000_2))
