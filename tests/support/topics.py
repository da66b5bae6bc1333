"""Reads a topic to its end, to see what is really there."""

import time
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from local.servers.topic import Received, to_received

READ_SECONDS = 60
"""How long one message may take to come: an end to a test that would wait for ever, and no measure of speed."""
WAIT_SECONDS = 30
"""How long a test waits for a message that has to come."""


def read_topic(bootstrap: str, topic: str) -> list[Received]:
    """Every message that is in the topic now: partition by partition, each in the order of its log."""
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
    """The topic's messages, once there are so many, or after half a minute those that are there."""
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
    """The offset behind the partition's last message, once its leader has been found."""
    end = time.monotonic() + READ_SECONDS
    while time.monotonic() < end:
        try:
            _, high = consumer.get_watermark_offsets(partition, timeout=10)
        except KafkaException:
            # A new or restarted broker does not know yet what it leads; one that was paused for longer than its session
            # is fenced, and leads nothing until the controller has heard of it again
            time.sleep(0.1)
        else:
            return high
    raise AssertionError(f"{partition} has no leader")
