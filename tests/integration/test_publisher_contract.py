"""The contract of publishers: the test double, and the real one with librdkafka's mock cluster and with real Kafka.

The tests of the pipeline use the double, because it passes the same tests.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import override
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS, to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.preflight.run import run_checks
from feature_events.settings.settings import read_settings
from local.servers.kafka import Kafka
from local.servers.stack import RunningStack
from local.servers.topic import create_topic
from tests.support.doubles import FakePublisher
from tests.support.messages import Refusals, to_message, to_messages, to_whole_message
from tests.support.mock_kafka import MockKafka, run_mock_kafka
from tests.support.topics import read_topic

LONG = 30.0
LIMIT = 100_000


class Bed(ABC):
    """A publisher and its topic, with messages of up to LIMIT bytes."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher

    @abstractmethod
    def read(self) -> list[Message]:
        """Return the messages in the topic, in order per entity."""

    @abstractmethod
    def publisher_without_topic(self) -> Publisher:
        """Create a publisher to a topic that does not exist."""

    @abstractmethod
    def publisher_without_kafka(self) -> Publisher:
        """Create a publisher to unreachable brokers."""


class FakeBed(Bed):
    """The test double and its list."""

    def __init__(self) -> None:
        self._fake = FakePublisher(message_max_bytes=LIMIT)
        super().__init__(self._fake)

    @override
    def read(self) -> list[Message]:
        return self._fake.log

    @override
    def publisher_without_topic(self) -> Publisher:
        publisher = FakePublisher()
        publisher.topic_exists = False
        return publisher

    @override
    def publisher_without_kafka(self) -> Publisher:
        publisher = FakePublisher()
        publisher.reachable = False
        return publisher


class KafkaBed(Bed):
    """The real publisher to a broker."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        super().__init__(self._to_publisher(bootstrap, topic))

    def _to_publisher(self, bootstrap: str, topic: str) -> Publisher:
        return Publisher(topic, {**DEFAULTS, "bootstrap.servers": bootstrap, "message.max.bytes": LIMIT})

    @override
    def read(self) -> list[Message]:
        return [
            to_whole_message(received.key, received.value, list(received.headers), received.timestamp_ms)
            for received in read_topic(self._bootstrap, self._topic)
        ]

    @override
    def publisher_without_topic(self) -> Publisher:
        return self._to_publisher(self._bootstrap, f"missing-{uuid4().hex}")

    @override
    def publisher_without_kafka(self) -> Publisher:
        return self._to_publisher("127.0.0.1:1", self._topic)


class EmbeddedBed(KafkaBed):
    """The real publisher to the mock cluster, which creates any requested topic unless it must fail."""

    def __init__(self, kafka: MockKafka) -> None:
        super().__init__(kafka.bootstrap, kafka.topic)
        self._kafka = kafka

    @override
    def publisher_without_topic(self) -> Publisher:
        self._kafka.fail_topic(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return self._to_publisher(self._bootstrap, self._topic)


@pytest.fixture(params=["double", "embedded broker", "real Kafka"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """Create each publisher in turn."""
    if request.param == "double":
        yield FakeBed()
    elif request.param == "embedded broker":
        with run_mock_kafka() as kafka:
            yield EmbeddedBed(kafka)
    else:
        stack: RunningStack = request.getfixturevalue("stack")
        topic: Callable[..., str] = request.getfixturevalue("topic")
        yield KafkaBed(stack.kafka, topic(partitions=4))


def by_entity(messages: Sequence[Message]) -> dict[bytes, list[Message]]:
    """Group messages by entity, in order."""
    found: dict[bytes, list[Message]] = {}
    for message in messages:
        found.setdefault(message.key, []).append(message)
    return found


def test_publish__delivers_whole_messages_in_order(bed: Bed) -> None:
    """Key, value, headers and timestamp arrive unchanged, in order per entity, over several waves."""
    messages = to_messages(1000, size=500)
    assert set(bed.publisher.publish(messages, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert by_entity(bed.read()) == by_entity(messages)


def test_publish__accepts_an_empty_batch(bed: Bed) -> None:
    """A batch of skipped records needs no Kafka."""
    assert list(bed.publisher.publish([], Deadline(LONG), Refusals())) == []


def test_publish__refuses_only_an_oversized_message(bed: Bed) -> None:
    """The other messages are delivered in order."""
    messages = to_messages(9, entities=2)
    messages[4] = to_message(4, entity="entity-0", size=LIMIT + 1000)
    refusals = Refusals()
    deliveries = bed.publisher.publish(messages, Deadline(LONG), refusals)
    assert refusals.seen == [4]
    assert [index for index, delivery in enumerate(deliveries) if delivery is not Delivery.DELIVERED] == [4]
    assert deliveries[4] is Delivery.REFUSED
    assert by_entity(bed.read()) == by_entity([*messages[:4], *messages[5:]])


def test_publish__stops_if_a_rejected_message_is_not_stored(bed: Bed) -> None:
    """No message is sent after one that cannot be dead-lettered."""
    messages = to_messages(9, entities=1)
    messages[4] = to_message(4, size=LIMIT + 1000)
    deliveries = bed.publisher.publish(messages, Deadline(LONG), Refusals(stored=False))
    assert list(deliveries) == [Delivery.DELIVERED] * 4 + [Delivery.UNKNOWN] * 5
    assert bed.read() == messages[:4]


def test_publish__sends_nothing_after_the_deadline(bed: Bed) -> None:
    """Without time left, nothing is attempted."""
    assert set(bed.publisher.publish(to_messages(3), Deadline(0), Refusals())) == {Delivery.UNKNOWN}
    assert bed.read() == []


def test_publish__reports_unknown_if_kafka_is_unreachable(bed: Bed) -> None:
    """Unreachable brokers are not an error of the batch, which stays in the stream."""
    deliveries = bed.publisher_without_kafka().publish(to_messages(3), Deadline(1), Refusals())
    assert list(deliveries) == [Delivery.UNKNOWN] * 3


def test_publish__fails_without_a_topic(bed: Bed) -> None:
    """A missing topic is a misconfiguration with the remedy."""
    with pytest.raises(Misconfigured, match="create"):
        bed.publisher_without_topic().publish(to_messages(3), Deadline(LONG), Refusals())


def test_publish__creates_no_topic(tmp_path: Path) -> None:
    """A mistyped topic is an error even if brokers create requested topics, and the preflight check creates none."""
    with Kafka(tmp_path, settings={"auto.create.topics.enable": "true"}) as kafka:
        environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": "mistyped"}
        publisher = Publisher("mistyped", to_producer_properties(read_settings(environ)))
        for _ in range(2):
            with pytest.raises(Misconfigured, match="create the topic, or set TopicName"):
                publisher.publish(to_messages(3), Deadline(LONG), Refusals())
        topic = next(each for each in run_checks(environ, Deadline(LONG))["checks"] if each["name"] == "topic")
        assert not topic["ok"]
        assert list(AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=LONG).topics) == []


def test_publish__handles_a_topic_with_a_smaller_limit(stack: RunningStack) -> None:
    """If the topic's limit is below the producer's, only messages above the topic's limit are refused."""
    topic = f"small-{uuid4().hex[:8]}"
    create_topic(stack.kafka, topic, 2, {"max.message.bytes": "5000"})
    publisher = Publisher(topic, {**DEFAULTS, "bootstrap.servers": stack.kafka, "compression.type": "none"})
    messages = to_messages(200, entities=7, size=300)
    messages[77] = to_message(77, entity="entity-0", size=6000)
    refusals = Refusals()
    deliveries = publisher.publish(messages, Deadline(LONG), refusals)
    assert refusals.seen == [77]
    assert set(deliveries) == {Delivery.DELIVERED, Delivery.REFUSED}
    read = KafkaBed(stack.kafka, topic).read()
    assert by_entity(read) == by_entity([*messages[:77], *messages[78:]])
