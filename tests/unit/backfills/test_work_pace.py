"""Test the pace of a worker."""

from feature_events.backfills.work import Pace
from tests.support.doubles import FakeClock


class Sleeps:
    """A fake sleep that advances a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock(100.0)
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        """Sleep."""
        self.seconds.append(seconds)
        self.clock.seconds += seconds


def test_wait__keeps_to_the_rate() -> None:
    """The total time depends on the total number of items, not on the pages."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    for items in (100, 50, 0, 25):
        pace.wait(items, 60.0)
    assert sleep.clock() == 100.0 + 175 / 50


def test_wait__counts_the_time_that_the_items_took() -> None:
    """A page that took as long as the rate requires needs no sleep. One that took half as long sleeps that long."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    sleep.clock.seconds += 2
    pace.wait(100, 60.0)
    assert sleep.seconds == []
    sleep.clock.seconds += 1
    pace.wait(100, 60.0)
    assert sleep.seconds == [1.0]


def test_wait__does_not_catch_up_on_a_pause() -> None:
    """After an hour without Kafka, the worker does not catch up on an hour's items."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    sleep.clock.seconds += 3600
    pace.wait(100, 60.0)
    pace.wait(100, 60.0)
    pace.wait(100, 60.0)
    assert sleep.seconds == [2.0, 2.0]


def test_wait__ends_in_time_for_the_checkpoint() -> None:
    """A second look's page can be large for the rate, if the run was resumed with a lower one."""
    sleep = Sleeps()
    Pace(0.5, sleep.clock, sleep).wait(1_000, most_seconds=800.0)
    assert sleep.seconds == [800.0]
