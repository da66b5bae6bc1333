"""The progress of a command: what is being done now, and one line with its seconds for what is done.

On a terminal the running steps have moving bars; in a log only the lines remain.
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
    """The seconds since a step began; they go on where a download is done and its bar is full."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(f"{time.monotonic() - task.fields['since']:4.0f} s", style="cyan")


class Step:
    """One step that is under way."""

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
        """Moves the bar: bytes that arrived, and bytes that are going to arrive."""
        with self._lock:
            self._done += new
            self._announced += announced
            size = f"{self._done / MEGABYTE:.0f} of {self._announced / MEGABYTE:.0f} MB"
            self._progress.update(
                self._task, completed=self._done, total=self._announced, description=f"{self._name}: {size}"
            )

    def go_on(self, doing: str) -> None:
        """Says what is done after the download, whose full bar would look as if nothing went on."""
        with self._lock:
            self._progress.remove_task(self._task)
            self._task = self._progress.add_task(f"{self._name} {doing}", total=None, since=self.start)

    def end(self) -> float:
        """Takes the step off the screen; the seconds that it took."""
        with self._lock:
            self._progress.remove_task(self._task)
        return time.monotonic() - self.start


class Steps:
    """Shows the steps of one command; several may be under way at once."""

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
        """Shows a step while its block runs, and says how long it took."""
        step = Step(self._progress, name)
        mark = "[red]✗[/]"
        try:
            yield step
            mark = "[green]✓[/]"
        finally:
            line = f"{mark} {name:{NAME_WIDTH}} [cyan]{step.end():5.1f} s[/]  [dim]{step.detail}[/]"
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True)
