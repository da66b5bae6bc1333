"""Show the progress of a command: a bar for each running step, and a line with its duration when the step ends.

The bars appear only on a terminal. A log contains only the lines.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

NAME_WIDTH = 15
MEGABYTE = 1_000_000


class Clock(ProgressColumn):
    """A column with the seconds since a step began. They continue to count after a download is complete."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        return Text(f"{time.monotonic() - task.fields['since']:4.0f} s", style="cyan")


class Step:
    """One running step."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.detail = ""
        self.start = time.monotonic()
        self._progress = progress
        self._name = name
        self._task = progress.add_task(name, total=None, since=self.start)
        self._done = 0
        self._announced = 0
        self._lock = threading.Lock()

    def count_bytes(self, new: int, announced: int) -> None:
        """Move the bar by the bytes that arrived, and extend it by the newly announced bytes."""
        with self._lock:
            self._done += new
            self._announced += announced
            size = f"{self._done / MEGABYTE:.0f} of {self._announced / MEGABYTE:.0f} MB"
            self._progress.update(
                self._task, completed=self._done, total=self._announced, description=f"{self._name}: {size}"
            )

    def begin_phase(self, phase: str) -> None:
        """Show another phase after the download. The full bar of a download would look like a hang."""
        with self._lock:
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(f"{self._name}: {phase}", total=None, since=self.start)

    def end(self) -> float:
        """Remove the step from the screen, and return its duration in seconds."""
        with self._lock:
            self._progress.remove_task(self._task)
        return time.monotonic() - self.start


class Steps:
    """Shows the steps of one command. Several steps may run concurrently."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(quiet=True)
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=16),
            Clock(),
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
        """Show a step while its block runs, and print its duration."""
        step = Step(self._progress, name)
        mark = "[red]✗[/]"
        try:
            yield step
            mark = "[green]✓[/]"
        finally:
            line = f"{mark} {name:{NAME_WIDTH}} [cyan]{step.end():5.1f} s[/]  [dim]{step.detail}[/]"
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True)
