"""Kafka inside this process: librdkafka's own broker for tests, which needs no server, no port of ours and no Docker.

It knows no schema registry, and any topic that is asked for has four partitions.
"""

import uuid
from collections.abc import Iterator
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

from local.servers.topic import Received, to_received

LIMIT = 10.0


class EmbeddedKafka:
    """A broker with one topic, for as long as the process lives; `receive` gives what has come since it last did."""

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
        """The new messages: partition by partition, each in the order of its log."""
        return [message for partition in self._next for message in self._read(partition)]

    def _read(self, partition: int) -> Iterator[Received]:
        place = TopicPartition(self._topic, partition, self._next[partition])
        _, end = self._consumer.get_watermark_offsets(place, timeout=LIMIT)
        if self._next[partition] < end:
            self._consumer.assign([place])
        while self._next[partition] < end:
            message = self._consumer.poll(LIMIT)
            if message is None:
                raise TimeoutError(f"partition {partition} cannot be read to its end")
            if message.error() is None:
                self._next[partition] += 1
                yield to_received(message)

    def close(self) -> None:
        """Leaves the broker, which ends with the process."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
