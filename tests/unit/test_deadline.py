"""A deadline counts down to nothing and no further."""

from feature_events.deadline import Deadline
from tests.support.doubles import FakeClock


def test_remaining__goes_with_the_clock_down_to_zero() -> None:
    """What is left is never negative, so that it can be waited for."""
    clock = FakeClock(100)
    deadline = Deadline(5, clock)
    left = []
    for seconds in (100, 103, 105, 200):
        clock.seconds = seconds
        left.append(deadline.remaining())
    assert left == [5, 2, 0, 0]
    assert Deadline(-3, clock).remaining() == 0
