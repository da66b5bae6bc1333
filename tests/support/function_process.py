"""An execution environment that can be frozen, thawed and killed: the function in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from local.paths import ROOT

_WORKER = "tests.simulation.worker"


class FunctionProcess:
    """The real handler behind two pipes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # the command is ours
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **environ},
        )

    def send(self, records: Sequence[Any], milliseconds: int = 60_000, **limits: int) -> None:
        """Begins an invocation; `kibibytes` is how much memory the process then has left."""
        self._write({"Records": list(records), "milliseconds": milliseconds, **limits})

    def receive(self) -> Any:  # noqa: ANN401  # the handler's answer is JSON
        """The answer to the invocation that has begun."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("answer "):
                return json.loads(line.removeprefix("answer "))
        raise AssertionError("the process ended without an answer")

    def invoke(self, records: Sequence[Any], milliseconds: int = 60_000) -> Any:  # noqa: ANN401
        """One invocation from beginning to end."""
        self.send(records, milliseconds)
        return self.receive()

    def read_peak_megabytes(self) -> float:
        """The most memory that the process has used."""
        self._write({})
        return float(self.receive()["kibibytes"]) / 1024

    def read_megabytes(self) -> float:
        """The memory that the process uses now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def count_files(self) -> int:
        """How many files and sockets the process has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def freeze(self) -> None:
        """Stops the process where it is, as Lambda does between invocations."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Undoes `freeze`."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it without another instruction."""
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
