"""An execution environment that can be frozen, thawed and killed: the function in a separate process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from local.paths import ROOT

_WORKER = "tests.simulation.worker"


class FunctionProcess:
    """The real handler in a process, connected by two pipes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # a command of this project
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **environ},
        )

    def send(self, records: Sequence[Any], milliseconds: int = 60_000, **limits: int) -> None:
        """Start an invocation. `kibibytes` limits the memory that the process may still allocate."""
        self._write({"Records": list(records), "milliseconds": milliseconds, **limits})

    def receive(self) -> Any:  # noqa: ANN401  # the handler's response is JSON
        """Wait for the response to the started invocation."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise AssertionError("the process exited without a response")

    def invoke(self, records: Sequence[Any], milliseconds: int = 60_000) -> Any:  # noqa: ANN401
        """Invoke the handler, and return the response."""
        self.send(records, milliseconds)
        return self.receive()

    def read_peak_megabytes(self) -> float:
        """Return the peak of the memory of the process."""
        self._write({})
        return float(self.receive()["kibibytes"]) / 1024

    def read_megabytes(self) -> float:
        """Return the current memory of the process."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def read_cpu_seconds(self) -> float:
        """Return the CPU time that the process has used, with all its threads."""
        return time.clock_gettime((~self._process.pid << 3) | 2)  # the number from clock_getcpuclockid(3)

    def count_files(self) -> int:
        """Return the number of open files and sockets."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def freeze(self) -> None:
        """Suspend the process, as Lambda does between invocations."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Resume the process after `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()

    def _write(self, event: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
