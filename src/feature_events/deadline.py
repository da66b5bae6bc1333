"""Limit how long an invocation waits.

Lambda kills a function at its timeout, and its results are lost. So every wait has a deadline before that.
"""

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Never

type Clock = Callable[[], float]
"""Seconds since any start. They never decrease."""


class Deadline:
    """A point in time, `seconds` from now."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds left; 0 if the deadline has passed."""
        return max(0.0, self._at - self._clock())

    def within(self, seconds: float) -> "Deadline":
        """Return the deadline `seconds` from now, or this one if it is earlier."""
        return Deadline(min(seconds, self.remaining()), self._clock)


_WATCH_SECONDS = 0.05


def run_within[T](seconds: float, function: Callable[[], T], watch: Callable[[], None] | None = None) -> T:
    """Call a function in another thread, because nothing can interrupt a call that hangs.

    Args:
        seconds: the maximum time to wait.
        function: the function. Its result is returned, and its error is raised.
        watch: called every 50 ms while waiting. An error that it raises ends the wait.

    Raises:
        TimeoutError: the function did not return in time. Its thread continues.

    """
    outcome: list[Callable[[], T]] = []
    left = threading.Event()

    def run() -> None:
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001  # it is raised in the waiting thread
            if not left.is_set():  # a stored error would keep itself alive by its traceback
                outcome.append(partial(_raise, error))
        else:
            outcome.append(lambda: value)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    end = Deadline(seconds)
    try:
        while end.remaining():
            thread.join(min(end.remaining(), _WATCH_SECONDS if watch else math.inf))
            if watch:
                watch()
            if outcome:
                return outcome.pop()()
    finally:
        left.set()
    raise TimeoutError


def _raise(error: BaseException) -> Never:
    try:
        raise error
    finally:
        del error  # otherwise its traceback, which contains this frame, would keep it alive
