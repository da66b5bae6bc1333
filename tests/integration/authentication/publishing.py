"""Publish ten messages, and read their topic."""

from feature_events.deadline import Deadline
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.publisher import Publisher
from tests.integration.authentication.cluster import Cluster
from tests.support.messages import Refusals, number_of, to_messages
from tests.support.topics import read_topic

LONG = 20.0
DELIVERED, UNKNOWN = {Delivery.DELIVERED}, {Delivery.UNKNOWN}


def publish(publisher: Publisher, first: int = 0) -> set[Delivery]:
    """Publish ten messages, numbered from `first`, and return their outcomes."""
    return set(publisher.publish(to_messages(first + 10)[first:], Deadline(LONG), Refusals()))


def numbers_in(cluster: Cluster, topic: str) -> list[int]:
    """Return the numbers of all messages in the topic."""
    return sorted(number_of(message.value) for message in read_topic(cluster.kafka.bootstrap, topic))
