"""The events in the topic, read as a consumer of another team reads them: with Confluent's own deserializer.

What is in Glue's wire format is read as AWS's deserializers do. Nothing of the publisher's code is used, so what is
shown here is what others get.
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

with warnings.catch_warnings(record=True):  # of a deprecation inside the client's own dependencies
    from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
    from confluent_kafka.schema_registry.avro import AvroDeserializer

LIMIT = 10.0
AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)  # noqa: SLF001 -- the client's own constants
"""What is told while no broker answers, which one that waits for messages may outlast."""


class Place(NamedTuple):
    """Where a message is in its topic."""

    partition: int
    offset: int


class ReceivedEvent(NamedTuple):
    """One event as a consumer has it, with its place in the topic and when it was read (seconds since the epoch)."""

    event_id: str
    event_type: str
    timestamp: str
    entity_type: str
    entity_id: str
    resource_type: str
    resource_name: str
    compute_id: str
    features: tuple[str, ...]
    place: Place
    read_at: float


class Unreadable(NamedTuple):
    """A message in the topic that its registry's deserializer refuses."""

    place: Place
    problem: str


class EventReader:
    """Reads the topic from its beginning, every partition, without a consumer group to join."""

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
            }
        )
        self._consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in self._partitions()])

    def poll(self, seconds: float) -> ReceivedEvent | Unreadable | None:
        """The next message, or None if none comes in this time."""
        message = self._consumer.poll(seconds)
        if message is None:
            return None
        problem = message.error()
        if problem is not None:
            if problem.retriable() or problem.code() in AWAY:
                return None
            raise LocalError(f"the topic {self._topic} cannot be read: {problem.str()}")
        return self._read(message)

    def close(self) -> None:
        """Leaves the cluster."""
        self._consumer.close()

    def _partitions(self) -> Iterator[int]:
        try:
            found = self._consumer.list_topics(self._topic, timeout=LIMIT).topics[self._topic]
        except KafkaException as error:
            raise LocalError(f"Kafka does not answer: {error.args[0].str()}") from error
        if found.error is not None:
            raise LocalError(f"the topic {self._topic} cannot be read: {found.error.str()}")
        return iter(found.partitions)

    def _read(self, message: Message) -> ReceivedEvent | Unreadable:
        read_at = time.time()
        place = Place(message.partition() or 0, message.offset() or 0)
        try:
            value = self._deserialize(message.value())
            if not isinstance(value, dict):
                return Unreadable(place, "the message has no value")
            fields = {**value, "features": tuple(value["features"])}
            return ReceivedEvent(**fields, place=place, read_at=read_at)
        except (SerializationError, SchemaRegistryError, TypeError, KeyError) as error:
            return Unreadable(place, str(error))

    def _deserialize(self, value: bytes | None) -> object:
        if value and value[0] == VERSION:
            return self._by_glue(value)
        return self._by_confluent(value, SerializationContext(self._topic, MessageField.VALUE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
