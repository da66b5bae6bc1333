"""What every publisher promises: the double, the real one on librdkafka's own broker, and the real one on real Kafka.

The tests of the pipeline trust the double; these tests are why.
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
from feature_events.kafka.producer_properties import DEFAULTS, to_properties
from feature_events.kafka.publisher import Publisher
from feature_events.pipeline import MessagePublisher
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
    """A publisher with its topic, whose messages may be up to LIMIT bytes."""

    @property
    @abstractmethod
    def publisher(self) -> MessagePublisher:
        """The publisher, ready."""

    @abstractmethod
    def read(self) -> list[Message]:
        """What is in the topic; each entity's messages in order."""

    @abstractmethod
    def publisher_without_topic(self) -> MessagePublisher:
        """One to a topic that does not exist."""

    @abstractmethod
    def publisher_without_kafka(self) -> MessagePublisher:
        """One to brokers that do not answer."""


class FakeBed(Bed):
    """The double and its list."""

    def __init__(self) -> None:
        self._publisher = FakePublisher(message_max_bytes=LIMIT)

    @property
    @override
    def publisher(self) -> MessagePublisher:
        return self._publisher

    @override
    def read(self) -> list[Message]:
        return self._publisher.log

    @override
    def publisher_without_topic(self) -> MessagePublisher:
        publisher = FakePublisher()
        publisher.topic_exists = False
        return publisher

    @override
    def publisher_without_kafka(self) -> MessagePublisher:
        publisher = FakePublisher()
        publisher.reachable = False
        return publisher


class KafkaBed(Bed):
    """The real publisher to some broker."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._publisher = self._to_publisher(bootstrap, topic)

    def _to_publisher(self, bootstrap: str, topic: str) -> Publisher:
        return Publisher(topic, {**DEFAULTS, "bootstrap.servers": bootstrap, "message.max.bytes": LIMIT})

    @property
    @override
    def publisher(self) -> MessagePublisher:
        return self._publisher

    @override
    def read(self) -> list[Message]:
        return [
            to_whole_message(received.key, received.value, list(received.headers), received.timestamp_ms)
            for received in read_topic(self._bootstrap, self._topic)
        ]

    @override
    def publisher_without_topic(self) -> MessagePublisher:
        return self._to_publisher(self._bootstrap, f"missing-{uuid4().hex}")

    @override
    def publisher_without_kafka(self) -> MessagePublisher:
        return self._to_publisher("127.0.0.1:1", self._topic)


class EmbeddedBed(KafkaBed):
    """The real publisher to the mock cluster, which makes every topic that it is not told to refuse."""

    def __init__(self, kafka: MockKafka) -> None:
        super().__init__(kafka.bootstrap, kafka.topic)
        self._kafka = kafka

    @override
    def publisher_without_topic(self) -> MessagePublisher:
        self._kafka.fail_topic(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return self._to_publisher(self._bootstrap, self._topic)


@pytest.fixture(params=["double", "embedded broker", "real Kafka"])
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """Each publisher in turn."""
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
    """Each entity's messages in their order."""
    found: dict[bytes, list[Message]] = {}
    for message in messages:
        found.setdefault(message.key, []).append(message)
    return found


def test_publish__delivers_whole_messages_in_order(bed: Bed) -> None:
    """Key, value, headers and time arrive as given, each entity's messages in order, wave after wave."""
    messages = to_messages(1000, size=500)
    assert set(bed.publisher.publish(messages, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert by_entity(bed.read()) == by_entity(messages)


def test_publish__has_nothing_to_do_for_nothing(bed: Bed) -> None:
    """A batch in which all is skipped needs no Kafka."""
    assert list(bed.publisher.publish([], Deadline(LONG), Refusals())) == []


def test_publish__refuses_the_oversize_alone(bed: Bed) -> None:
    """A message over the limit is refused in its turn; the others are delivered, in order."""
    messages = to_messages(9, entities=2)
    messages[4] = to_message(4, entity="entity-0", size=LIMIT + 1000)
    refusals = Refusals()
    deliveries = bed.publisher.publish(messages, Deadline(LONG), refusals)
    assert refusals.seen == [4]
    assert [index for index, delivery in enumerate(deliveries) if delivery is not Delivery.DELIVERED] == [4]
    assert deliveries[4] is Delivery.REFUSED
    assert by_entity(bed.read()) == by_entity([*messages[:4], *messages[5:]])


def test_publish__stops_where_a_refused_message_has_nowhere_to_go(bed: Bed) -> None:
    """What cannot be dead-lettered keeps its place: nothing behind it is sent."""
    messages = to_messages(9, entities=1)
    messages[4] = to_message(4, size=LIMIT + 1000)
    deliveries = bed.publisher.publish(messages, Deadline(LONG), Refusals(stored=False))
    assert list(deliveries) == [Delivery.DELIVERED] * 4 + [Delivery.UNKNOWN] * 5
    assert bed.read() == messages[:4]


def test_publish__sends_nothing_after_the_deadline(bed: Bed) -> None:
    """Without time there is no attempt."""
    assert set(bed.publisher.publish(to_messages(3), Deadline(0), Refusals())) == {Delivery.UNKNOWN}
    assert bed.read() == []


def test_publish__knows_nothing_where_kafka_is_away(bed: Bed) -> None:
    """Brokers out of reach are no error of the batch: it stays where it is."""
    deliveries = bed.publisher_without_kafka().publish(to_messages(3), Deadline(1), Refusals())
    assert list(deliveries) == [Delivery.UNKNOWN] * 3


def test_publish__fails_without_a_topic(bed: Bed) -> None:
    """A topic that is not there is a misconfiguration that says what to do."""
    with pytest.raises(Misconfigured, match="create"):
        bed.publisher_without_topic().publish(to_messages(3), Deadline(LONG), Refusals())


def test_publish__makes_no_topic(tmp_path: Path) -> None:
    """A mistyped topic stays an error where brokers make what is asked for, and the preflight check makes none."""
    with Kafka(tmp_path, settings={"auto.create.topics.enable": "true"}) as kafka:
        environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": "mistyped"}
        publisher = Publisher("mistyped", to_properties(read_settings(environ)))
        for _ in range(2):
            with pytest.raises(Misconfigured, match="create the topic, or set TopicName"):
                publisher.publish(to_messages(3), Deadline(LONG), Refusals())
        topic = next(each for each in run_checks(environ, Deadline(LONG))["checks"] if each["name"] == "topic")
        assert not topic["ok"]
        assert list(AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=LONG).topics) == []


def test_publish__survives_a_topic_with_a_smaller_limit(stack: RunningStack) -> None:
    """Where the topic takes less than the producer was told, only what is too large by itself is refused, in order."""
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
