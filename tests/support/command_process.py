"""Run a command of the local stack like a user: in a process group, with Ctrl-C and output line by line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

from local.paths import EPHEMERAL_STACKS, ROOT

LIMIT = 120
"""The timeout in seconds. It only ends a test that would hang."""


class Ended(NamedTuple):
    """The output and the status of a command."""

    output: str
    status: int


class CommandProcess:
    """The process of `python -S local COMMAND`, with output and errors in one stream."""

    def __init__(self, *arguments: str) -> None:
        self._running = subprocess.Popen(  # noqa: S603  # a command of this project
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
        """The prefix of the directory of its ephemeral stack."""
        return f"{EPHEMERAL_STACKS}/{self._running.pid}-"

    def wait_for(self, text: str) -> None:
        """Read until a line contains this text."""
        assert self._running.stdout is not None
        for line in self._running.stdout:
            self._lines.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} not found in {''.join(self._lines)}")

    def wait_for_handler(self, number: signal.Signals) -> None:
        """Wait until the process has a handler for this signal."""
        status = Path(f"/proc/{self._running.pid}/status")
        while not int(status.read_text().partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1:
            time.sleep(0.001)

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C to every process of the group, like a terminal."""
        os.killpg(self._running.pid, signal.SIGINT)

    def wait(self) -> Ended:
        """Read to the end."""
        rest, _ = self._running.communicate(timeout=LIMIT)
        return Ended("".join(self._lines) + rest, self._running.returncode)

    def find_processes(self, name: str = "") -> list[int]:
        """Return the processes that use the directory of its stack and have this text in their command."""
        return [int(home.name) for home in Path("/proc").glob("[0-9]*") if self._is_of_stack(home, name)]

    def find_remaining_processes(self) -> list[int]:
        """Return the processes that remain after the command. The reaper takes a moment to exit."""
        for _ in range(100):
            remaining = self.find_processes()
            if not remaining:
                break
            time.sleep(0.1)
        return remaining

    def _is_of_stack(self, home: Path, name: str) -> bool:
        try:
            command = (home / "cmdline").read_bytes().decode(errors="replace")
            used = command + (home / "environ").read_bytes().decode(errors="replace") + str((home / "cwd").readlink())
        except OSError:
            return False
        return self.directory_prefix in used and name in command

    def find_remaining_directories(self) -> list[str]:
        """Return the directories of its stack that remain after the command."""
        prefix = Path(self.directory_prefix).name
        return [path.name for path in EPHEMERAL_STACKS.glob(f"{prefix}*")] if EPHEMERAL_STACKS.exists() else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running.poll() is None:
            os.killpg(self._running.pid, signal.SIGTERM)
        self._running.communicate(timeout=LIMIT)
