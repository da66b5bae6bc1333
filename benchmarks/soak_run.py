"""The results of `make soak`, stored in docs/soak.json. This module also runs in the environment of the plots."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from local.paths import ROOT

FILE = ROOT / "docs" / "soak.json"


class Window(NamedTuple):
    """The figures of a few seconds."""

    seconds: float
    """The end of the window, from the start of the run."""
    memory_mib: float
    open_files: float
    latency_ms: float
    """The median latency of a batch."""
    cpu_ms: float
    """The mean CPU of a batch, including librdkafka's threads."""


class Figure(NamedTuple):
    """A measured figure, and its allowed growth as a factor and an amount.

    The last quarter of the run is compared with the second, because caches and pools fill during the first.
    """

    title: str
    unit: str
    digits: int
    factor: float
    amount: float

    def format(self, value: float) -> str:
        """Format a value without its unit."""
        return f"{value:,.{self.digits}f}"


FIGURES = {
    "memory_mib": Figure("resident memory", "MiB", 1, 1.05, 4.0),
    "open_files": Figure("file descriptors", "open", 0, 1.0, 2.0),
    "latency_ms": Figure("latency of a batch, median", "ms", 1, 1.5, 5.0),
    "cpu_ms": Figure("CPU of a batch, mean", "ms", 1, 1.5, 2.0),
}
"""The figures of a window."""


class SoakRun(NamedTuple):
    """All measurements of one run of `make soak`."""

    made: Mapping[str, str]
    """The date, the commit, the versions of the measured packages, and the machine."""
    minutes: float
    batch: int
    """The number of records in a batch."""
    batches_per_second: int
    window_seconds: float
    windows: Sequence[Window]
    """All windows of the run. The first one includes the cold start."""

    @classmethod
    def read(cls, file: Path = FILE) -> Self:
        """Read the results of the last run."""
        found = json.loads(file.read_text())
        columns = found.pop("windows")
        rows = zip(*(columns[name] for name in Window._fields), strict=True)
        return cls(**found, windows=[Window(*row) for row in rows])

    def write(self, file: Path = FILE) -> None:
        """Write the results, with one line for each figure of the windows."""
        head = json.dumps({**self._asdict(), "windows": {}}, indent=1).removesuffix("{}\n}")
        columns = [
            f'  "{name}": {json.dumps([round(value, 2) for value in values])}'
            for name, values in zip(Window._fields, zip(*self.windows, strict=True), strict=True)
        ]
        file.write_text(head + "{\n" + ",\n".join(columns) + "\n }\n}\n")

    @property
    def rate(self) -> int:
        """The number of records per second."""
        return self.batch * self.batches_per_second

    def list_values(self, field: str) -> list[float]:
        """Return a field of every window after the first one."""
        return [getattr(window, field) for window in self.windows[1:]]

    def find_growth(self) -> list[str]:
        """Return the figures whose growth from the second quarter to the last exceeds the limit."""
        grown = []
        for name, figure in FIGURES.items():
            values = self.list_values(name)
            quarter = len(values) // 4
            before = statistics.median(values[quarter : 2 * quarter])
            after = statistics.median(values[-quarter:])
            if after > before * figure.factor + figure.amount:
                grown.append(f"{figure.title}: {figure.format(before)} to {figure.format(after)} {figure.unit}")
        return grown
