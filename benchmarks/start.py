"""Start a function as Lambda does, in a new process, and measure it.

The program uses only the standard library. Its arguments are the module to import ("-" for none), and optionally a file
with an event. It prints one line of JSON.
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
    """Start the function, and print the measurements."""
    cpu, wall = time.process_time(), time.perf_counter()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, not a path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        name, *files = sys.argv[1:]
        module: Any = None if name == "-" else importlib.import_module(name)
        took = {"bare_cpu": cpu, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        started = _read_peak()
        for file in files * _INVOCATIONS:
            _invoke(module, Path(file))
        output.write(json.dumps({**took, "started_kib": started, "peak_kib": _read_peak()}))


def _invoke(module: Any, file: Path) -> None:  # noqa: ANN401  # a module of any function
    text = file.read_text()
    event = json.loads(text)
    if hasattr(module, "handler"):
        # Imported after the start, so that it is not measured
        context = importlib.import_module("benchmarks.contenders").Context()
        if module.handler(event, context) != {"batchItemFailures": []}:
            raise RuntimeError("some events were not delivered")


def _read_peak() -> int:
    """Return the peak of resident memory. The kernel's value for child processes would include the parent's memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("the kernel does not report the peak")


if __name__ == "__main__":
    main()
