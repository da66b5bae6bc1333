"""Start and end the processes of a stack.

Each process leads its own session, so Ctrl-C reaches only this program, which then ends the others. A process is
identified by its id and its start time, so a reused id never ends an unrelated process.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from local.errors import LocalError
from local.servers import reaper

POLL = 0.05
ENDING = 10.0
TAIL = 30


class ProcessIdentity(NamedTuple):
    """An identity that remains valid after this program: the process's name, id and start time."""

    name: str
    pid: int
    started_at: str

    def is_running(self) -> bool:
        """Return whether the process is still running."""
        return reaper.read_start_time(self.pid) == self.started_at

    def is_suspended(self) -> bool:
        """Return whether the process is suspended."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state == "T" and self.is_running()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        reaper.send(number, self.pid, self.started_at)

    def suspend(self) -> None:
        """Suspend the process, and wait until it has stopped."""
        self.send(signal.SIGSTOP)
        limit = time.monotonic() + ENDING
        while self.is_running() and not self.is_suspended() and time.monotonic() < limit:
            time.sleep(POLL)

    def end(self) -> None:
        """Kill the process and its children, and wait until it has exited."""
        self.send(signal.SIGKILL)
        limit = time.monotonic() + ENDING
        while self.is_running():
            if time.monotonic() > limit:
                raise LocalError(f"{self.name} (process {self.pid}) does not exit after SIGKILL")
            time.sleep(POLL)


class Process:
    """One running program, whose output goes to a log."""

    def __init__(self, name: str, running: subprocess.Popen[bytes], log: Path, log_start: int) -> None:
        self.name = name
        self.log = log
        self._running = running
        self._log_start = log_start
        self.identity = ProcessIdentity(name, running.pid, reaper.read_start_time(running.pid) or "ended")

    @property
    def pid(self) -> int:
        """The id of the process, of its session and of its process group."""
        return self._running.pid

    def is_running(self) -> bool:
        """Return whether the process is running."""
        return self._running.poll() is None

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal_number)

    def pause(self) -> None:
        """Suspend the process, and wait until all of its threads have stopped."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Resume the process after `pause`."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, like a power failure. A clean shutdown is not needed, because the data is temporary."""
        if self.is_running():
            self.send(signal.SIGKILL)
        self._running.wait()

    def wait_until(self, is_ready: Callable[[], bool], limit: float) -> None:
        """Wait until the process is ready.

        Raises:
            LocalError: the process exited, or it was not ready within `limit` seconds. The error shows the log's end.

        """
        end = time.monotonic() + limit
        while not is_ready():
            if not self.is_running():
                raise LocalError(self._describe(f"exited with status {self._running.returncode} before it was ready"))
            if time.monotonic() > end:
                raise LocalError(self._describe(f"was not ready within {limit:.0f} s"))
            time.sleep(POLL)

    def wait_for_success(self, limit: float, check: Callable[[], None] = lambda: None) -> None:
        """Wait until the process exits successfully. `check` is called while waiting, and may raise.

        Raises:
            LocalError: the process failed, or it ran longer than `limit` seconds. The error shows the log's end.

        """
        end = time.monotonic() + limit
        while self.is_running():
            check()
            if time.monotonic() > end:
                self.kill()
                raise LocalError(self._describe(f"did not exit within {limit:.0f} s"))
            time.sleep(POLL)
        if self._running.returncode:
            raise LocalError(self._describe(f"failed with status {self._running.returncode}"))

    def check(self) -> None:
        """Raise an error with the log's end if the process has exited."""
        if not self.is_running():
            status = self._running.returncode
            how = f"after {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
            raise LocalError(self._describe(f"exited {how}"))

    def output(self) -> str:
        """Return the output since this start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _describe(self, problem: str) -> str:
        tail = "\n".join(f"  {line}" for line in deque(self.output().splitlines(), TAIL))
        return f"{self.name} {problem}; {self.log.name} ends with:\n{tail}"


class Processes:
    """Starts processes, and ends them even if this program is killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._all: list[Process] = []
        self._closed = False
        self._lock = threading.Lock()
        self._reaper: subprocess.Popen[bytes] | None = None

    def start(self, name: str, command: Sequence[object], env: Mapping[str, str], cwd: Path | None = None) -> Process:
        """Start a program that ends with this one. Its output goes to the log with this name."""
        logs = self.directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{name}.log"
        with self._lock, log.open("ab") as output:
            self.check()
            watcher = self._find_reaper()
            log_start = output.seek(0, os.SEEK_END)  # before the program writes, because it shares the position
            running = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd or self.directory,
                start_new_session=True,
            )
            process = Process(name, running, log, log_start)
            self._all.append(process)
            _send(watcher, f"watch {process.pid} {process.identity.started_at}")
        return process

    @contextlib.contextmanager
    def suspend(self, process: ProcessIdentity) -> Iterator[None]:
        """Suspend a process of another program. It is resumed on exit, even if this program is killed."""
        with self._lock:
            _send(self._find_reaper(), f"resume {process.pid} {process.started_at}")
        try:
            process.suspend()
            yield
        finally:
            process.send(signal.SIGCONT)

    def check(self) -> None:
        """Raise an error once the shutdown has begun, so that concurrent work stops too."""
        if self._closed:
            raise LocalError("the stack is stopping")

    @property
    def started(self) -> tuple[Process, ...]:
        """All processes, in the order in which they were started."""
        return tuple(self._all)

    def identities(self) -> list[ProcessIdentity]:
        """Return the identities of the running processes."""
        return [process.identity for process in self._all if process.is_running()]

    def end(self) -> None:
        """End all processes. No process can be started afterwards."""
        with self._lock:
            self._closed = True
            for process in self._all:
                if process.is_running():
                    process.send(signal.SIGKILL)
        for process in self._all:
            process.kill()
        self._dismiss_reaper()

    def detach(self) -> None:
        """Keep the processes running after this program."""
        with self._lock:
            if self._reaper is not None:
                _send(self._reaper, "release")
            self._dismiss_reaper()

    def _find_reaper(self) -> subprocess.Popen[bytes]:
        """Return the reaper, and start it if necessary."""
        if self._reaper is None:
            command = [sys.executable, "-I", "-S", reaper.__file__]
            self._reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self._reaper

    def _dismiss_reaper(self) -> None:
        if self._reaper is not None:
            self._reaper.communicate()
            self._reaper = None


def _send(watcher: subprocess.Popen[bytes], line: str) -> None:
    pipe = watcher.stdin
    if pipe is not None:
        pipe.write(line.encode() + b"\n")
        pipe.flush()
