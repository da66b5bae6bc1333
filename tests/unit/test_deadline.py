"""A deadline limits how long an invocation waits."""

import gc
import weakref
from threading import Event

import pytest

from feature_events.deadline import Deadline, run_within
from tests.support.doubles import FakeClock


def test_remaining__decreases_to_zero() -> None:
    """It is never negative, so it can be used as a timeout."""
    clock = FakeClock(100)
    deadline = Deadline(5, clock)
    left = []
    for seconds in (100, 103, 105, 200):
        clock.seconds = seconds
        left.append(deadline.remaining())
    assert left == [5, 2, 0, 0]
    assert Deadline(-3, clock).remaining() == 0


def test_within__returns_the_earlier_deadline() -> None:
    """Both deadlines use the same clock."""
    clock = FakeClock(100)
    deadline = Deadline(10, clock)
    soon, late = deadline.within(4), deadline.within(60)
    clock.seconds = 103
    assert (soon.remaining(), late.remaining()) == (1, 7)


def test_run_within__returns_or_raises_what_the_function_does() -> None:
    """The other thread makes no difference."""
    assert run_within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        run_within(10, lambda: 1 // 0)


def test_run_within__ends_if_watch_raises_an_error() -> None:
    """The error of `watch` is raised."""
    hanging = Event()

    def watch() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_within(60, hanging.wait, watch)
    hanging.set()


def test_run_within__frees_what_an_error_refers_to() -> None:
    """It is freed with the error, without garbage collection."""

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


def test_run_within__frees_what_a_late_error_refers_to() -> None:
    """An error after the timeout is freed immediately."""

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


def test_run_within__raises_after_the_timeout() -> None:
    """The function's thread continues."""
    hanging = Event()
    with pytest.raises(TimeoutError):
        run_within(0.01, hanging.wait)
    hanging.set()
