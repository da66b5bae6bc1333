"""Run concurrent code on a virtual clock, on which waiting takes no real time.

Each task is a thread, but only one of them runs at a time: the one whose moment comes first. So the order of all steps
is the same in every run.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any


class _Wait:
    """A task that waits for a moment, or for another task."""

    def __init__(self) -> None:
        self.baton = threading.Semaphore(0)
        self.is_over = False


class VirtualTime:
    """The clock, and the tasks that wait on it. A call returns the current time in seconds."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._waits: list[tuple[float, int, _Wait]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        """Return the current time."""
        return self._seconds

    def sleep(self, seconds: float) -> None:
        """Let the other tasks run until this time has passed."""
        self._pause(_Wait(), seconds)

    def run_within[T](self, seconds: float, function: Callable[[], T], _watch: object = None) -> T:
        """Call a function in another task, like `deadline.run_within`.

        Raises:
            TimeoutError: the function did not return in time. Its task continues.

        """
        task, caller = _Task(function), _Wait()
        self._start(task, caller)
        self._pause(caller, seconds)
        if not task.is_done:
            raise TimeoutError
        return task.read()

    def run_all(self, functions: Sequence[Callable[[], object]]) -> None:
        """Run functions concurrently until each has returned, along with every task that they started.

        Raises:
            Exception: the first error of a function.

        """
        tasks = [_Task(function) for function in functions]
        for task in tasks:
            self._start(task, None)
        while self._waits:
            self.sleep(max(moment for moment, _, _ in self._waits) - self._seconds)
        for task in tasks:
            task.read()

    def _start(self, task: "_Task[Any]", caller: _Wait | None) -> None:
        """Start a task, which runs once the current one waits. At its end, its caller runs."""
        begin = _Wait()

        def run() -> None:
            begin.baton.acquire()
            task.run()
            if caller and not caller.is_over:
                self._queue(caller, 0)
            self._continue()

        threading.Thread(target=run, daemon=True).start()
        self._queue(begin, 0)

    def _pause(self, wait: _Wait, seconds: float) -> None:
        self._queue(wait, seconds)
        self._continue()
        wait.baton.acquire()

    def _queue(self, wait: _Wait, seconds: float) -> None:
        heapq.heappush(self._waits, (self._seconds + max(0.0, seconds), next(self._numbers), wait))

    def _continue(self) -> None:
        """Let the task run whose moment comes first."""
        while self._waits:
            moment, _, wait = heapq.heappop(self._waits)
            if not wait.is_over:  # a task that was also waiting for another one is in the list twice
                self._seconds = max(self._seconds, moment)
                wait.is_over = True
                wait.baton.release()
                return


class _Task[T]:
    """A function, and its result or error."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._values: list[T] = []
        self._error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether the function has returned or raised."""
        return bool(self._values or self._error)

    def run(self) -> None:
        """Call the function."""
        try:
            self._values.append(self._function())
        except BaseException as error:  # noqa: BLE001  # it is raised in the waiting task
            self._error = error

    def read(self) -> T:
        """Return the result, or raise the error."""
        if self._error:
            raise self._error
        return self._values[0]
