"""Base classes of the servers: start, kill, pause, resume and stop a process."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from local.servers.loopback import reserve_port
from local.servers.processes import Process, Processes


class Program:
    """One program, which tests may kill, pause and resume. A subclass starts it.

    Args:
        name: the name of its log.

    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: Process | None = None

    def kill(self) -> None:
        """Kill the program, like a power failure."""
        self._running.kill()

    def pause(self) -> None:
        """Suspend the program. Connections stay open, but requests get no response."""
        self._running.pause()

    def resume(self) -> None:
        """Resume the program after `pause`."""
        self._running.resume()

    def check(self) -> None:
        """Raise an error with the log's end if the program has exited."""
        self._running.check()

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self._name} was not started")
        return self._process


class Lifecycle(ABC):
    """A context manager that starts a server on entry, and ends its processes on exit or if the start fails."""

    _processes: Processes

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it responds."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._processes.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end()


class Server(Program, Lifecycle):
    """A server with its own directory and port. It keeps no data after it ends."""

    def __init__(self, name: str, directory: Path, processes: Processes | None = None) -> None:
        super().__init__(name)
        self._directory = directory / name
        self._processes = processes or Processes(directory)
        self._port = reserve_port()

    def restart(self) -> None:
        """Kill the server, and start it on the same port without data."""
        self.kill()
        self.start()
