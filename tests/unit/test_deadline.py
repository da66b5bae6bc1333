"""A deadline counts down to nothing and no further."""

import gc
import weakref
from threading import Event

import pytest

from feature_events.deadline import Deadline, run_within
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


def test_within__is_the_earlier_moment() -> None:
    """What may take so long ends at the deadline that it is within, on the same clock."""
    clock = FakeClock(100)
    deadline = Deadline(10, clock)
    soon, late = deadline.within(4), deadline.within(60)
    clock.seconds = 103
    assert (soon.remaining(), late.remaining()) == (1, 7)


def test_run_within__gives_what_the_function_gives() -> None:
    """A value is returned and an error raised, as if it had been called."""
    assert run_within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        run_within(10, lambda: 1 // 0)


def test_run_within__ends_where_what_watches_raises() -> None:
    """Whoever sees meanwhile that waiting is in vain ends it, and the error is theirs."""
    hanging = Event()

    def watch() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_within(60, hanging.wait, watch)
    hanging.set()


def test_run_within__keeps_nothing() -> None:
    """What an error was raised among is free when the error is, without a look for garbage."""

    class Kept:
        """Something."""

    freed = Event()

    def fail() -> None:
        kept = Kept()
        weakref.finalize(kept, freed.set)
        raise ZeroDivisionError

    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            run_within(10, fail)
        assert freed.is_set()
    finally:
        gc.enable()


def test_run_within__keeps_nothing_of_what_it_has_left() -> None:
    """An error that comes when nobody waits any more is free at once, with what it was raised among."""

    class Kept:
        """Something."""

    hanging, freed = Event(), Event()

    def fail() -> None:
        kept = Kept()
        weakref.finalize(kept, freed.set)
        hanging.wait()
        raise ZeroDivisionError

    gc.disable()
    try:
        with pytest.raises(TimeoutError):
            run_within(0.01, fail)
        hanging.set()
        assert freed.wait(10)
    finally:
        gc.enable()


def test_run_within__waits_no_longer() -> None:
    """What hangs is left to itself."""
    hanging = Event()
    with pytest.raises(TimeoutError):
        run_within(0.01, hanging.wait)
    hanging.set()
