"""The invariants with the real producer on sockets, in fewer histories; only the brokers are mocked."""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from tests.simulation.scale import SEED, report, scaled
from tests.simulation.world import GOOD, HUGE, NOTHING, REMOVED, SETTINGS, UNREADABLE, World
from tests.support.mock_kafka import PRODUCE, MockKafka, run_mock_kafka
from tests.support.modelled_kafka import Fate, Written
from tests.support.topics import read_topic

HISTORIES = scaled(4, 150)
STEPS = 5
KINDS = (GOOD, GOOD, GOOD, GOOD, NOTHING, UNREADABLE, HUGE, REMOVED)
FATES = (Fate.WRITTEN, Fate.SLOW, Fate.AWAY, Fate.LOST, Fate.FATAL, Fate.DENIED)
FAST = SETTINGS._replace(delivery_timeout_ms=700)


class WireKafka:
    """A cluster of mock brokers, and real producers whose messages are recorded."""

    def __init__(self, mock: MockKafka) -> None:
        self._mock = mock
        self._reachable = True
        self._known: Sequence[Sequence[Written]] = []
        self._producers: weakref.WeakSet[_WatchedProducer] = weakref.WeakSet()
        self.acknowledged: list[Written] = []
        self.produced: list[Written] = []
        self.fates = self

    def extend(self, fates: Iterable[Fate], /) -> None:
        """Inject these faults into the next requests."""
        for fate in fates:
            match fate:
                case Fate.SLOW:
                    self._mock.delay(200)
                case Fate.LOST:
                    self._mock.delay(30_000)
                case Fate.AWAY:
                    self._mock.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
                case Fate.FATAL:
                    self._mock.fail(PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
                case Fate.DENIED:
                    self._mock.fail(PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)

    def clear(self) -> None:
        """End every fault."""
        self._mock.delay(0)
        self._mock.recover(PRODUCE)

    @property
    def reachable(self) -> bool:
        """True if the brokers are running."""
        return self._reachable

    @reachable.setter
    def reachable(self, reachable: bool) -> None:
        if reachable and not self._reachable:
            self._mock.start()
        elif self._reachable and not reachable:
            self._mock.stop()
        self._reachable = reachable

    @property
    def logs(self) -> Sequence[Sequence[Written]]:
        """The messages of each partition; during an outage, those from before it."""
        if not self._reachable:
            return self._known
        self.clear()
        partitions: dict[int, list[Written]] = {}
        for each in read_topic(self._mock.bootstrap, self._mock.topic):
            written = Written(each.key, each.value, each.headers, each.timestamp_ms)
            partitions.setdefault(each.partition, []).append(written)
        self._known = list(partitions.values())
        return self._known

    @property
    def pending(self) -> Sequence[object]:
        """The number of unreported messages of each live producer that has any."""
        return [producer.left for producer in self._producers if producer.left]

    def to_producer(self, properties: Mapping[str, Any]) -> "_WatchedProducer":
        """Return a real producer to this cluster."""
        given = {**properties, "bootstrap.servers": self._mock.bootstrap}
        producer = _WatchedProducer(given, self.produced, self.acknowledged)
        self._producers.add(producer)
        return producer

    def catch_up(self) -> None:
        """Do nothing: real messages arrive without help."""

    def thaw(self) -> None:
        """Do nothing: the client's threads never stopped."""


class _WatchedProducer(Producer):
    """A real producer that records the produced and the acknowledged messages."""

    def __init__(self, properties: Mapping[str, Any], handed: list[Written], acknowledged: list[Written]) -> None:
        super().__init__(dict(properties))
        self._handed = handed
        self._acknowledged = acknowledged
        self.left = 0

    def produce(self, *arguments: Any) -> None:  # noqa: ANN401  # as the publisher calls it
        """Produce the message and record its delivery report."""
        topic, value, key, partition, callback, on_delivery, timestamp, headers = arguments
        message = Written(key, value, tuple(headers), timestamp)

        def watch(error: KafkaError | None, report: Any) -> None:  # noqa: ANN401  # passed on
            self.left -= 1
            if error is None:
                self._acknowledged.append(message)
            callback(error, report)

        super().produce(topic, value, key, partition, watch, on_delivery, timestamp, headers)
        self._handed.append(message)
        self.left += 1


@pytest.mark.parametrize("seed", range(SEED, SEED + HISTORIES))
def test_promises__hold_on_sockets(seed: int) -> None:
    """Every invariant holds after every step of generated writes, socket faults and outages."""
    random = Random(seed)  # noqa: S311  # to be repeatable
    with run_mock_kafka(partitions=2) as mock:
        world = World(kafka=WireKafka(mock), settings=FAST._replace(topic=mock.topic))
        with world.running():
            for _ in range(STEPS):
                for _ in range(random.randrange(1, 10)):
                    world.write(random.choice(KINDS), random.randrange(4))
                world.letters.works = random.random() < 0.8
                world.kafka.reachable = random.random() < 0.85
                world.kafka.fates.extend(random.sample(FATES, random.randrange(3)))
                world.step(random.randrange(4))
                world.kafka.fates.clear()
                world.kafka.reachable = True
                if random.random() < 0.3:
                    world.replace_instances()
            world.finish()
    report("sockets", str(world.invocations))
