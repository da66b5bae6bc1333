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


FIGURES = {
    "memory_mib": "resident memory, MiB",
    "open_files": "open files and sockets",
    "latency_ms": "latency of a batch, median, ms",
    "cpu_ms": "CPU of a batch, mean, ms",
}
"""The measured figures of a window, with their titles."""

LIMITS = {"memory_mib": (1.05, 4.0), "open_files": (1.0, 2.0), "latency_ms": (1.5, 5.0), "cpu_ms": (1.5, 2.0)}
"""The allowed growth of each figure, as a factor and an amount.

The last quarter of the run is compared with the second, because caches and pools fill during the first.
"""


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
        columns = [f'  "{name}": {json.dumps(self.list_values(name))}' for name in Window._fields]
        file.write_text(head + "{\n" + ",\n".join(columns) + "\n }\n}\n")

    def list_values(self, figure: str) -> list[float]:
        """Return a figure of every window, rounded to two decimal places."""
        return [round(getattr(window, figure), 2) for window in self.windows]

    @property
    def rate(self) -> int:
        """The number of records per second."""
        return self.batch * self.batches_per_second

    def find_growth(self) -> list[str]:
        """Return the figures whose growth from the second quarter to the last exceeds the limit."""
        quarter = len(self.windows) // 4
        grown = []
        for figure, (factor, amount) in LIMITS.items():
            values = self.list_values(figure)
            before = statistics.median(values[quarter : 2 * quarter])
            after = statistics.median(values[-quarter:])
            if after > before * factor + amount:
                grown.append(f"{FIGURES[figure]}: {before:.1f} to {after:.1f}")
        return grown
