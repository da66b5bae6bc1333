"""Keeps a worker to its part of the rate that the request allows."""

import time
from collections.abc import Callable

from feature_events.deadline import Clock


class Pace:
    """So many items a second; time in which less was done is not made up for."""

    def __init__(
        self, per_second: float, clock: Clock = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def wait(self, items: int) -> None:
        """Waits until these items, which have been done, are within the rate."""
        now = self._clock()
        self._free_at = max(self._free_at, now - items / self._per_second) + items / self._per_second
        if self._free_at > now:
            self._sleep(self._free_at - now)
