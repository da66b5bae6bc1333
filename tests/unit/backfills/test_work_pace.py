"""A worker keeps to its part of the rate, on average, and does not catch up on a pause."""

from feature_events.backfills.work import Pace
from tests.support.doubles import FakeClock


class Sleeps:
    """A clock, and the sleeps by which it goes."""

    def __init__(self) -> None:
        self.clock = FakeClock(100.0)
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        """Sleeps."""
        self.seconds.append(seconds)
        self.clock.seconds += seconds


def test_wait__keeps_to_the_rate() -> None:
    """So many items take so many seconds, whatever each page has."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    for items in (100, 50, 0, 25):
        pace.wait(items)
    assert sleep.clock() == 100.0 + 175 / 50


def test_wait__counts_the_time_that_the_items_took() -> None:
    """What took as long as the rate allows needs no sleep, and what took half as long sleeps as long again."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    sleep.clock.seconds += 2
    pace.wait(100)
    assert sleep.seconds == []
    sleep.clock.seconds += 1
    pace.wait(100)
    assert sleep.seconds == [1.0]


def test_wait__does_not_catch_up_on_a_pause() -> None:
    """Kafka was away for an hour: the table is not asked for an hour's items at once."""
    sleep = Sleeps()
    pace = Pace(50.0, sleep.clock, sleep)
    sleep.clock.seconds += 3600
    pace.wait(100)
    pace.wait(100)
    pace.wait(100)
    assert sleep.seconds == [2.0, 2.0]
