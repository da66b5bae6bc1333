"""Counts down to the moment by which an invocation must have stopped waiting.

Lambda ends a function at its timeout without asking, and what it had found out is lost: whatever waits, waits against
one of these.
"""

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Never

type Clock = Callable[[], float]
"""Seconds that only ever go forward, from any start."""


class Deadline:
    """A moment `seconds` from now."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def remaining(self) -> float:
        """Seconds that are left, 0 when it has passed."""
        return max(0.0, self._at - self._clock())

    def within(self, seconds: float) -> "Deadline":
        """The moment so many seconds from now, or this one where it is earlier."""
        return Deadline(min(seconds, self.remaining()), self._clock)


_LOOK_SECONDS = 0.05


def run_within[T](seconds: float, function: Callable[[], T], watch: Callable[[], None] | None = None) -> T:
    """What the function returns or raises, in a thread of its own, since nothing ends a call that hangs.

    Args:
        seconds: how long to wait for it.
        function: what to call.
        watch: called here every 50 ms meanwhile; what it raises ends the waiting.

    Raises:
        TimeoutError: it has not come to an end; it is left to itself.

    """
    outcome: list[Callable[[], T]] = []
    left = threading.Event()

    def run() -> None:
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            if not left.is_set():  # an error that is kept here would keep itself, by its traceback
                outcome.append(partial(_raise, error))
        else:
            outcome.append(lambda: value)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    end = Deadline(seconds)
    try:
        while end.remaining():
            thread.join(min(end.remaining(), _LOOK_SECONDS if watch else math.inf))
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
        del error  # or its traceback, which has this frame, would keep it and all that it was raised among
