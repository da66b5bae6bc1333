"""Create a consumer that may read the topic, and classify the errors of reading.

The consumer joins no group and commits nothing. librdkafka requires a group's name nevertheless, and requests the
group's coordinator, which needs the permission to describe the group.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.kafka.errors import (
    Action,
    ClientErrors,
    find_rule,
    make_authentication_error,
    raise_if_misconfigured,
)
from feature_events.kafka.producer import DEFAULTS, close_in_background, connect_client
from feature_events.settings.kafka_properties import Properties
from feature_events.settings.settings import Settings

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

GROUP = "feature-events-backfill"
"""The consumer group that the function must be allowed to describe. It never has members or offsets."""

CLIENT = "-backfill"
"""The end of the client id of the backfill's consumer and producer, so that a quota can limit both, but no live events.
"""

_PRODUCER_PROPERTIES = ("queue.buffering.max.kbytes",)
"""The defaults that only a producer has."""

_FIXED: Properties = {
    "group.id": GROUP,
    "enable.auto.commit": "false",
    "enable.auto.offset.store": "false",
    "enable.partition.eof": "true",
    # If retention removes the next message, the reader must notice it
    "auto.offset.reset": "error",
    "check.crcs": "true",
}
"""The properties that reading depends on. They take precedence over KAFKA_PROPERTIES."""

_LIMITS: Properties = {
    "queued.max.messages.kbytes": 16_384,
    "queued.min.messages": 10_000,
    # By default, librdkafka waits one second when the queue is full, which makes reading with a short queue 20 times as
    # slow
    "fetch.queue.backoff.ms": 20,
}
"""Limits on what a consumer fetches ahead (librdkafka's default is 64 MB). KAFKA_PROPERTIES can override them."""

_EOF, _TIMED_OUT = KafkaError._PARTITION_EOF, KafkaError._TIMED_OUT  # noqa: SLF001  # librdkafka's own codes
_REFUSALS = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
_POLL_SECONDS, _RETRY_SECONDS = 0.5, 0.1


def to_consumer_properties(settings: Settings) -> Properties:
    """Convert the settings to librdkafka's properties for reading the topic."""
    defaults = {name: value for name, value in DEFAULTS.items() if name not in _PRODUCER_PROPERTIES}
    properties = {**defaults, **_LIMITS, **settings.kafka_properties}
    return {
        **properties,
        **_FIXED,
        "client.id": f"{properties['client.id']}{CLIENT}",
        "bootstrap.servers": settings.brokers,
    }


def open_consumer(settings: Settings, authentication: "Authentication | None", deadline: Deadline) -> Consumer:
    """Return a connected consumer that may read the topic.

    Raises:
        Misconfigured: librdkafka rejects the properties, Kafka rejects the authentication or does not have the topic,
            or a permission is missing.
        Undelivered: Kafka cannot be reached.

    """
    errors = ClientErrors(lambda: None, raise_if_unreadable)
    properties, topic = to_consumer_properties(settings), settings.topic
    consumer = connect_client(Consumer, properties, authentication, topic, deadline, errors)
    try:
        _check_permissions(consumer, topic, deadline)
    except KafkaException as exception:
        close_in_background(consumer)
        if errors.refusal is not None:
            raise make_authentication_error(errors.refusal, authentication) from None
        raise classify(exception.args[0], topic) from None
    except BaseException:
        close_in_background(consumer)
        raise
    return consumer


def raise_if_unreadable(error: KafkaError, topic: str | None) -> None:
    """Raise Misconfigured with the remedy if an operator must fix this error of a consumer."""
    match error.code():
        case KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise Misconfigured(
                f"Kafka refuses topic {topic}: the function has no permission to read ({error.name()}): grant it "
                "kafka-cluster:ReadData and kafka-cluster:DescribeTopic (with KafkaAuth=iam) or the ACL operations "
                "Read and Describe on the topic"
            )
        case KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise Misconfigured(
                f"Kafka refuses the consumer group {GROUP}: the function has no permission to describe it "
                f"({error.name()}): grant it kafka-cluster:DescribeGroup (with KafkaAuth=iam) or the ACL operation "
                f"Describe on the group {GROUP}"
            )
    raise_if_misconfigured(error, topic)


def classify(error: KafkaError, topic: str) -> FeatureEventsError:
    """Return the function's own error for an error of a consumer."""
    try:
        raise_if_unreadable(error, topic)
    except Misconfigured as misconfigured:
        return misconfigured
    return Undelivered(
        f"topic {topic} could not be read: {error.name()} ({error.str()}); check the brokers' state, and try again "
        "later"
    )


def list_partitions(consumer: Consumer, topic: str, deadline: Deadline) -> Sequence[int]:
    """Return the numbers of the topic's partitions, in order. Raises KafkaException if the request fails."""
    found = consumer.list_topics(topic, timeout=deadline.remaining()).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return sorted(found.partitions)


def _check_permissions(consumer: Consumer, topic: str, deadline: Deadline) -> None:
    """Check that the function may describe the group and read the topic, before anything depends on it.

    Raises KafkaException if a request fails.
    """
    partition, *_ = list_partitions(consumer, topic, deadline)
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=deadline.remaining())
    while not _has_coordinator(consumer, topic, partition):
        _raise_if_refused(consumer.poll(0))
        _raise_if_passed(deadline)
    # Only a fetch needs the permission to read. At the end of a partition, it returns no message
    consumer.assign([TopicPartition(topic, partition, end)])
    try:
        while not _raise_if_refused(consumer.poll(_POLL_SECONDS)):
            _raise_if_passed(deadline)
    finally:
        consumer.unassign()


def _has_coordinator(consumer: Consumer, topic: str, partition: int) -> bool:
    """Return whether the group's coordinator has answered. Without the permission to describe the group, it never does.

    The reason is reported to a thread that polls. If no group has ever used the cluster, the first requests fail.
    """
    try:
        [committed] = consumer.committed([TopicPartition(topic, partition)], timeout=_POLL_SECONDS)
    except KafkaException as exception:
        error = exception.args[0]
    else:
        error = committed.error
    if error is None:
        return True
    if error.code() in _REFUSALS or find_rule(error).action is not Action.RETRY:
        raise KafkaException(error)
    time.sleep(_RETRY_SECONDS)
    return False


def _raise_if_refused(message: Message | None) -> bool:
    """Return whether the partition could be read; raise KafkaException if a permission is missing."""
    if message is None:
        return False
    error = message.error()
    if error is not None and error.code() in _REFUSALS:
        raise KafkaException(error)
    return error is None or error.code() == _EOF


def _raise_if_passed(deadline: Deadline) -> None:
    if not deadline.remaining():
        raise KafkaException(KafkaError(_TIMED_OUT, "no response"))
