"""Read a topic to its end."""

import time
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from local.servers.topic import Received, to_received

READ_SECONDS = 60
"""The time limit for one message. It only stops a test that would otherwise not end."""
WAIT_SECONDS = 30
"""The time limit for an expected message."""


def read_topic(bootstrap: str, topic: str) -> list[Received]:
    """Return every message in the topic, by partition and offset."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{uuid4().hex}",
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {partition: _read_end(consumer, TopicPartition(topic, partition)) for partition in partitions}
        ends = {partition: end for partition, end in ends.items() if end}
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        found = []
        while ends:
            received = _poll(consumer)
            found.append(received)
            if received.offset == ends[received.partition] - 1:
                del ends[received.partition]
    finally:
        consumer.close()
    return sorted(found)


def wait_for_topic(bootstrap: str, topic: str, number: int) -> list[Received]:
    """Return the topic's messages when there are this many, or after half a minute."""
    end = time.monotonic() + WAIT_SECONDS
    while len(found := read_topic(bootstrap, topic)) < number and time.monotonic() < end:
        time.sleep(0.2)
    return found


def _poll(consumer: Consumer) -> Received:
    message = consumer.poll(READ_SECONDS)
    assert message is not None, "the topic could not be read to its end"
    assert message.error() is None
    return to_received(message)


def _read_end(consumer: Consumer, partition: TopicPartition) -> int:
    """Return the offset after the partition's last message, once the partition has a leader."""
    end = time.monotonic() + READ_SECONDS
    while time.monotonic() < end:
        try:
            _, high = consumer.get_watermark_offsets(partition, timeout=10)
        except KafkaException:
            # A new or restarted broker has not learned its partitions yet. A broker paused for longer than its session
            # is fenced, and leads no partition until the controller has registered it again.
            time.sleep(0.1)
        else:
            return high
    raise AssertionError(f"{partition} has no leader")
