"""A server that is one process: started, killed, frozen and ended in one way, whatever it serves."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from local.servers.ports import take_port
from local.servers.processes import Process, Processes


class Program:
    """One program, which tests may kill, pause and resume; a subclass starts it.

    Args:
        name: how its log is called.

    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: Process | None = None

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._running.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing is answered."""
        self._running.pause()

    def resume(self) -> None:
        """Undoes `pause`."""
        self._running.resume()

    def check(self) -> None:
        """Fails with its log's end where it has ended by itself."""
        self._running.check()

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self._name} was not started")
        return self._process


class Started(ABC):
    """What runs while a context lasts, and leaves no process where it does not start."""

    _processes: Processes

    @abstractmethod
    def start(self) -> None:
        """Starts it and waits until it answers."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._processes.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end()


class Server(Program, Started):
    """A server with a directory and a port of its own; it forgets everything when it ends."""

    def __init__(self, name: str, directory: Path, processes: Processes | None = None) -> None:
        super().__init__(name)
        self._directory = directory / name
        self._processes = processes or Processes(directory)
        self._port = take_port()

    def restart(self) -> None:
        """Starts an empty one on the same port."""
        self.kill()
        self.start()
