"""A warm publisher handles a deleted topic and added partitions, on a real broker."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.settings.settings import read_settings
from local.servers.stack import RunningStack
from local.servers.topic import create_topic, find_leaders
from tests.support.messages import Refusals, to_messages
from tests.support.topics import read_topic

LONG = 20.0
DELIVERED = {Delivery.DELIVERED}


class Topic:
    """A topic with one partition, and warm publishers to it."""

    def __init__(self, bootstrap: str) -> None:
        self.name = f"changing-{uuid4().hex[:8]}"
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        create_topic(bootstrap, self.name, 1)

    def to_warm_publisher(self, kafka_properties: str = "{}") -> Publisher:
        """Create a publisher from settings, and deliver messages with it."""
        environ = {"KAFKA_BROKER_URL": self.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": self.name}
        publisher = Publisher(
            self.name, to_producer_properties(read_settings({**environ, "KAFKA_PROPERTIES": kafka_properties}))
        )
        assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == DELIVERED
        return publisher

    def partitions_of_latest(self) -> dict[bytes, int]:
        """Return the partition of each entity's latest message."""
        messages = sorted(read_topic(self.bootstrap, self.name), key=lambda each: (each.timestamp_ms, each.partition))
        return {message.key: message.partition for message in messages}


@pytest.fixture
def topic(stack: RunningStack) -> Iterator[Topic]:
    """Create a topic, and delete it afterwards."""
    made = Topic(stack.kafka)
    yield made
    try:
        made.admin.delete_topics([made.name])[made.name].result(LONG)
    except KafkaException:
        return  # the test has deleted it


def test_publish__names_a_topic_that_was_deleted(topic: Topic) -> None:
    """The first attempt fails with the topic's name and the remedy, long before the deadline.

    By default, librdkafka waits for half a minute, in case the topic is new.
    https://github.com/confluentinc/librdkafka/issues/3009
    """
    publisher = topic.to_warm_publisher()
    topic.admin.delete_topics([topic.name])[topic.name].result(LONG)
    text = rf"topic {topic.name}: the topic does not exist .*create the topic, or set TopicName \(TOPIC_NAME\)"
    deadline = Deadline(LONG)
    with pytest.raises(Misconfigured, match=text):
        publisher.publish(to_messages(10), deadline, Refusals())
    assert deadline.remaining(), "it waited to the deadline"
    create_topic(topic.bootstrap, topic.name, 1)
    assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == DELIVERED


def test_publish__uses_added_partitions(topic: Topic) -> None:
    """A warm producer uses them after the refresh interval, and a new producer immediately."""
    warm = topic.to_warm_publisher('{"topic.metadata.refresh.interval.ms": 500}')
    topic.admin.create_partitions([NewPartitions(topic.name, 4)])[topic.name].result(LONG)
    find_leaders(topic.admin, topic.name, 4)
    topic.to_warm_publisher()  # a new producer sees them immediately
    expected = topic.partitions_of_latest()
    wait = Deadline(LONG)
    while wait.remaining():
        assert set(warm.publish(to_messages(20)[10:], Deadline(LONG), Refusals())) == DELIVERED
        if len(set(topic.partitions_of_latest().values())) > 1:
            break
    assert topic.partitions_of_latest() == expected
