"""An embedded Kafka broker: the mock cluster of librdkafka, in this process.

It has no schema registry, and every requested topic exists with four partitions.
"""

import uuid
from collections.abc import Iterator
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

from local.servers.topic import Received, to_received

LIMIT = 10.0


class EmbeddedKafka:
    """A broker with one topic, which lives as long as this process."""

    def __init__(self, topic: str) -> None:
        self._broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        found = self._broker.list_topics(topic, timeout=LIMIT)
        (broker,) = found.brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self._next = dict.fromkeys(found.topics[topic].partitions, 0)
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": str(uuid.uuid4()),
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )

    def receive(self) -> list[Received]:
        """Return the messages since the last call, partition by partition in log order."""
        return [message for partition in self._next for message in self._read(partition)]

    def _read(self, partition: int) -> Iterator[Received]:
        place = TopicPartition(self._topic, partition, self._next[partition])
        _, end = self._consumer.get_watermark_offsets(place, timeout=LIMIT)
        if self._next[partition] < end:
            self._consumer.assign([place])
        while self._next[partition] < end:
            message = self._consumer.poll(LIMIT)
            if message is None:
                raise TimeoutError(f"timed out while reading partition {partition}")
            if message.error() is None:
                self._next[partition] += 1
                yield to_received(message)

    def close(self) -> None:
        """Close the consumer. The broker ends with the process."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
