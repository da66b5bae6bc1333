"""Read the events in the topic as a consumer does, with Confluent's deserializer or as AWS's deserializers do.

This module uses no code of the publisher, so it sees what other teams see.
"""

import time
import uuid
import warnings
from collections.abc import Iterator
from typing import NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

from local.demo.glue import VERSION, GlueDeserializer
from local.environment import hide_proxies
from local.errors import LocalError
from local.servers.stack import RunningStack, Stack
from local.servers.topic import TOPIC

with warnings.catch_warnings(record=True):  # a deprecation in the dependencies of the client
    from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
    from confluent_kafka.schema_registry.avro import AvroDeserializer

LIMIT = 10.0
UNAVAILABLE = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)  # noqa: SLF001 -- constants of the client
"""Errors that the client reports while no broker is reachable. The client then reconnects."""


class Position(NamedTuple):
    """The position of a message in its topic."""

    partition: int
    offset: int


class ReceivedEvent(NamedTuple):
    """One event as a consumer sees it, with its position in the topic and its read time in seconds since the epoch."""

    event_id: str
    event_type: str
    timestamp: str
    entity_type: str
    entity_id: str
    resource_type: str
    resource_name: str
    compute_id: str
    features: tuple[str, ...]
    position: Position
    read_at: float


class Unreadable(NamedTuple):
    """A message that the deserializer of its registry rejects."""

    position: Position
    problem: str


class EventReader:
    """Reads every partition of the topic from its beginning, without joining a consumer group."""

    def __init__(self, stack: Stack | RunningStack, topic: str = TOPIC) -> None:
        self._topic = topic
        with hide_proxies():
            self._by_confluent = AvroDeserializer(SchemaRegistryClient({"url": stack.registry}))
        self._by_glue = GlueDeserializer(stack.clients.glue)
        self._consumer = Consumer(
            {
                "bootstrap.servers": stack.kafka,
                "group.id": f"local-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "log_level": 0,  # `tail` survives an outage, and its output must stay readable
            }
        )
        self._consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in self._partitions()])

    def poll(self, seconds: float) -> ReceivedEvent | Unreadable | None:
        """Return the next message, or None if none arrives in time."""
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        problem = message.error()
        if problem is not None:
            if problem.retriable() or problem.code() in UNAVAILABLE:
                return None
            raise LocalError(f"cannot read the topic {self._topic}: {problem.str()}")
        return self._read(message)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _partitions(self) -> Iterator[int]:
        try:
            found = self._consumer.list_topics(self._topic, timeout=LIMIT).topics[self._topic]
        except KafkaException as error:
            raise LocalError(f"Kafka is not responding: {error.args[0].str()}") from error
        if found.error is not None:
            raise LocalError(f"cannot read the topic {self._topic}: {found.error.str()}")
        return iter(found.partitions)

    def _read(self, message: Message) -> ReceivedEvent | Unreadable:
        read_at = time.time()
        position = Position(message.partition() or 0, message.offset() or 0)
        try:
            value = self._deserialize(message.value())
            if not isinstance(value, dict):
                return Unreadable(position, "the message has no value")
            fields = {**value, "features": tuple(value["features"])}
            return ReceivedEvent(**fields, position=position, read_at=read_at)
        except (SerializationError, SchemaRegistryError, TypeError, KeyError) as error:
            return Unreadable(position, str(error))

    def _deserialize(self, value: bytes | None) -> object:
        if value and value[0] == VERSION:
            return self._by_glue(value)
        return self._by_confluent(value, SerializationContext(self._topic, MessageField.VALUE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
