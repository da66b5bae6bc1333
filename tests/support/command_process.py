"""A command of the local stack as a person runs it: in a process group, read line by line, ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

from local.paths import EPHEMERAL_STACKS, ROOT

LIMIT = 120
"""An end to a test that would wait for ever, and no measure of speed."""


class Ended(NamedTuple):
    """What a command said, and its status."""

    output: str
    status: int


class CommandProcess:
    """`python -S local COMMAND`, its output and errors in one stream."""

    def __init__(self, *arguments: str) -> None:
        self._running = subprocess.Popen(  # noqa: S603  # this project's own command
            [sys.executable, "-S", "local", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []

    @property
    def directory_prefix(self) -> str:
        """How the directory of its ephemeral stack begins."""
        return f"{EPHEMERAL_STACKS}/{self._running.pid}-"

    def wait_for(self, text: str) -> None:
        """Reads until a line has this text."""
        assert self._running.stdout is not None
        for line in self._running.stdout:
            self._lines.append(line)
            if text in line:
                return
        raise AssertionError(f"no line with {text!r} in {''.join(self._lines)}")

    def wait_for_handler(self, number: signal.Signals) -> None:
        """Waits until the process has a handler for this signal."""
        status = Path(f"/proc/{self._running.pid}/status")
        while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1:
            time.sleep(0.001)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to every process of the group."""
        os.killpg(self._running.pid, signal.SIGINT)

    def wait(self) -> Ended:
        """Reads to the end."""
        rest, _ = self._running.communicate(timeout=LIMIT)
        return Ended("".join(self._lines) + rest, self._running.returncode)

    def find_processes(self, name: str = "") -> list[int]:
        """The processes of its stack: those that know its directory, and have this text in their command."""
        return [int(home.name) for home in Path("/proc").glob("[0-9]*") if self._is_of_stack(home, name)]

    def find_left(self) -> list[int]:
        """Those of them that do not end with the command: what was told to end, as the reaper, takes a moment."""
        for _ in range(100):
            left = self.find_processes()
            if not left:
                break
            time.sleep(0.1)
        return left

    def _is_of_stack(self, home: Path, name: str) -> bool:
        try:
            command = (home / "cmdline").read_bytes().decode(errors="replace")
            known = command + (home / "environ").read_bytes().decode(errors="replace") + str((home / "cwd").readlink())
        except OSError:
            return False
        return self.directory_prefix in known and name in command

    def leftovers(self) -> list[str]:
        """What it left: directories of its stack."""
        prefix = Path(self.directory_prefix).name
        return [path.name for path in EPHEMERAL_STACKS.glob(f"{prefix}*")] if EPHEMERAL_STACKS.exists() else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running.poll() is None:
            os.killpg(self._running.pid, signal.SIGTERM)
        self._running.communicate(timeout=LIMIT)
