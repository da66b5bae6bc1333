"""Starts a function as Lambda does and says what that took; the process is a fresh one and does nothing else.

A program for any interpreter, of the standard library alone: the module to import ("-" for none) as argument, and
optionally a file with an event for it to handle. It prints one line of JSON.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_INVOCATIONS = 3


def main() -> None:
    """Starts, and prints."""
    cpu, wall = time.process_time(), time.perf_counter()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, not a path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        name, *files = sys.argv[1:]
        module: Any = None if name == "-" else importlib.import_module(name)
        took = {"bare_cpu": cpu, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        started = _read_peak()
        for file in files * _INVOCATIONS:
            _invoke(module, Path(file))
        answers.write(json.dumps({**took, "started_kib": started, "peak_kib": _read_peak()}))


def _invoke(module: Any, file: Path) -> None:  # noqa: ANN401  # any function's module
    text = file.read_text()
    event = json.loads(text)
    if hasattr(module, "handler"):
        # Imported after the start, whose time it would be taken for
        context = importlib.import_module("benchmarks.contenders").Context()
        if module.handler(event, context) != {"batchItemFailures": []}:
            raise RuntimeError("not every event was delivered")


def _read_peak() -> int:
    """The most memory that was resident; the kernel's own figure for a child would begin with its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("the kernel does not tell the peak")


if __name__ == "__main__":
    main()
