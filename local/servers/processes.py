"""The processes of one stack: started together, told apart from all others, ended together.

Each leads a session of its own, so that Ctrl-C reaches this program alone and the order of ending is ours; each is
known by its id and its birth, so that a stale id never ends somebody else's process.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from local.errors import LocalError
from local.servers import reaper

POLL = 0.05
ENDING = 10.0
TAIL = 30


class ProcessIdentity(NamedTuple):
    """A process in a way that survives this program: its name here, its id, and its birth."""

    name: str
    pid: int
    birth: str

    def is_running(self) -> bool:
        """Whether that very process still runs."""
        return reaper.read_birth(self.pid) == self.birth

    def end(self) -> None:
        """Kills the process with all it started, and waits until it is gone."""
        reaper.end(self.pid, self.birth)
        limit = time.monotonic() + ENDING
        while self.is_running():
            if time.monotonic() > limit:
                raise LocalError(f"{self.name} (process {self.pid}) does not end")
            time.sleep(POLL)


class Process:
    """One running program, with its output in a log."""

    def __init__(self, name: str, running: subprocess.Popen[bytes], log: Path, log_start: int) -> None:
        self.name = name
        self.log = log
        self._running = running
        self._log_start = log_start
        self.identity = ProcessIdentity(name, running.pid, reaper.read_birth(running.pid) or "ended")

    @property
    def pid(self) -> int:
        """The process id, which is also that of its session and process group."""
        return self._running.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._running.poll() is None

    def send(self, signal_number: signal.Signals) -> None:
        """Sends a signal to the process and all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal_number)

    def pause(self) -> None:
        """Stops it where it is; when this returns none of its threads runs any more, however busy the machine is."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Undoes `pause`."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, as a power cut would: what the stack holds is thrown away anyway."""
        if self.is_running():
            self.send(signal.SIGKILL)
        self._running.wait()

    def wait_until(self, is_ready: Callable[[], bool], limit: float) -> None:
        """Waits until it is ready; an early end or `limit` seconds without readiness are errors with the log's end."""
        end = time.monotonic() + limit
        while not is_ready():
            if not self.is_running():
                raise LocalError(self._describe(f"ended with status {self._running.returncode} before it was ready"))
            if time.monotonic() > end:
                raise LocalError(self._describe(f"was not ready in {limit:.0f} s"))
            time.sleep(POLL)

    def wait_for_success(self, limit: float, check: Callable[[], None] = lambda: None) -> None:
        """Waits for its end; failure, and a run longer than `limit` seconds, are errors with the log's end.

        Meanwhile `check` may fail: what it waits for in vain is to be known at once.
        """
        end = time.monotonic() + limit
        while self.is_running():
            check()
            if time.monotonic() > end:
                self.kill()
                raise LocalError(self._describe(f"did not end in {limit:.0f} s"))
            time.sleep(POLL)
        if self._running.returncode:
            raise LocalError(self._describe(f"failed with status {self._running.returncode}"))

    def check(self) -> None:
        """Fails with the log's end where it has ended, which it was not to do."""
        if not self.is_running():
            status = self._running.returncode
            how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
            raise LocalError(self._describe(f"has ended, {how}"))

    def output(self) -> str:
        """What it has written since this start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _describe(self, problem: str) -> str:
        tail = "\n".join(f"  {line}" for line in deque(self.output().splitlines(), TAIL))
        return f"{self.name} {problem}; {self.log.name} ends with:\n{tail}"


class Processes:
    """Starts processes and ends all of them, whatever happens to this program."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._all: list[Process] = []
        self._closed = False
        self._lock = threading.Lock()
        self._reaper: subprocess.Popen[bytes] | None = None

    def start(self, name: str, command: Sequence[object], env: Mapping[str, str], cwd: Path | None = None) -> Process:
        """Starts a program that ends with this one; its output goes to the log of that name."""
        logs = self.directory / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{name}.log"
        with self._lock, log.open("ab") as output:
            self.check()
            watcher = self._find_reaper()
            log_start = output.seek(0, os.SEEK_END)  # before the program writes: it shares the position
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
            _tell(watcher, f"watch {process.pid} {process.identity.birth}")
        return process

    def check(self) -> None:
        """Fails once the end has begun, so that long work beside the processes ends too."""
        if self._closed:
            raise LocalError("the stack is being stopped")

    @property
    def started(self) -> tuple[Process, ...]:
        """All that were started, in that order."""
        return tuple(self._all)

    def identities(self) -> list[ProcessIdentity]:
        """Those that run."""
        return [process.identity for process in self._all if process.is_running()]

    def end(self) -> None:
        """Ends all of them; none can be started afterwards."""
        with self._lock:
            self._closed = True
            for process in self._all:
                if process.is_running():
                    process.send(signal.SIGKILL)
        for process in self._all:
            process.kill()
        self._dismiss_reaper()

    def detach(self) -> None:
        """Lets them go on after this program."""
        with self._lock:
            if self._reaper is not None:
                _tell(self._reaper, "release")
            self._dismiss_reaper()

    def _find_reaper(self) -> subprocess.Popen[bytes]:
        """The reaper, which is there before what it watches."""
        if self._reaper is None:
            command = [sys.executable, "-I", "-S", reaper.__file__]
            self._reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self._reaper

    def _dismiss_reaper(self) -> None:
        if self._reaper is not None:
            self._reaper.communicate()
            self._reaper = None


def _tell(watcher: subprocess.Popen[bytes], line: str) -> None:
    pipe = watcher.stdin
    if pipe is not None:
        pipe.write(line.encode() + b"\n")
        pipe.flush()
