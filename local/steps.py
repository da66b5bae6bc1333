"""The progress of a command: what is being done now, and one line with its seconds for what is done.

On a terminal the running steps have moving bars; in a log only the lines remain.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

NAME_WIDTH = 34
MEGABYTE = 1_000_000


class Step:
    """One step that is under way."""

    def __init__(self, progress: Progress, task: TaskID, name: str) -> None:
        self.detail = ""
        self._progress = progress
        self._task = task
        self._name = name
        self._done = 0
        self._announced = 0
        self._lock = threading.Lock()

    def count_bytes(self, new: int, announced: int) -> None:
        """Moves the bar: bytes that arrived, and bytes that are going to arrive."""
        with self._lock:
            self._done += new
            self._announced += announced
            size = f"{self._done / MEGABYTE:.0f} of {self._announced / MEGABYTE:.0f} MB"
            self._progress.update(
                self._task, completed=self._done, total=self._announced, description=f"{self._name}: {size}"
            )


class Steps:
    """Shows the steps of one command; several may be under way at once."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(quiet=True)
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Shows a step while its block runs, and says how long it took."""
        task = self._progress.add_task(name, total=None)
        step = Step(self._progress, task, name)
        start = time.monotonic()
        mark = "[red]✗[/]"
        try:
            yield step
            mark = "[green]✓[/]"
        finally:
            seconds = time.monotonic() - start
            self._progress.remove_task(task)
            line = f"{mark} {name:{NAME_WIDTH}} [cyan]{seconds:5.1f} s[/]  [dim]{step.detail}[/]"
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True)
