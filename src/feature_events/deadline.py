"""Counts down to the moment by which an invocation must have stopped waiting.

Lambda ends a function at its time-out without asking, and what it had found out is lost: whatever waits, waits against
one of these.
"""

import time
from collections.abc import Callable

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
