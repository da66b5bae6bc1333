"""Acts once all of some features of an entity have come within a time limit, and says which have not.

Kafka is the only memory. While an entity waits, nothing from its first event on is committed, so no complete set is
lost. What else is read again after a restart may be told again, and as incomplete where its first events are before
that: the action must bear it, and `events` tells a repeat. An event after the limit begins to wait again.
"""

import json
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from threading import Event as Flag
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

MOST_WAITING: Final = 100_000
"""The most entities that wait in this process, in all its partitions; beyond it, the limit of the oldest has passed."""
REMEMBERED: Final = 100_000
"""So many events of this process are known again when they are repeated."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""

type Entity = tuple[str, str]
"""Its type and its id."""
type Place = tuple[str, int]
"""A topic and the number of a partition."""


class Wait(NamedTuple):
    """An entity of which some features have come."""

    since: float
    """In the partition's time, in seconds."""
    offset: int
    """Of the first event."""
    found: dict[str, str]
    """feature -> the id of the last event that named it."""


class Seen:
    """The ids of this process's last events, with the partition of each."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, Place] = OrderedDict()

    def is_repeat(self, place: Place, event_id: str) -> bool:
        """Whether this id has come before; it is kept."""
        if event_id in self._ids:
            return True
        self._ids[event_id] = place
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return False

    def forget(self, places: set[Place]) -> None:
        """Drop the ids of partitions whose events may be read again from an earlier offset."""
        self._ids = OrderedDict(each for each in self._ids.items() if each[1] not in places)


class Partition:
    """The entities of one partition that wait, the oldest first.

    Its time is that of the newest message, so a backlog is judged as if it were read when it was written. Where
    nothing is left to read, it is the clock's.
    """

    def __init__(self, features: frozenset[str], limit: float, is_repeat: Callable[[str], bool]) -> None:
        self._features = features
        self._limit = limit
        self._is_repeat = is_repeat
        self._now = 0.0
        self._waiting: OrderedDict[Entity, Wait] = OrderedDict()
        self._next: int | None = None
        self._is_read = False

    def add(self, event: dict[str, Any], offset: int, written: float) -> None:
        """Takes an event, and acts where it was the last that was missing."""
        self._is_read, self._next = False, offset + 1
        self._pass_time(written)
        found = self._features.intersection(event["features"])
        if not found or self._is_repeat(event["event_id"]):
            return
        entity = event["entity_type"], event["entity_id"]
        wait = self._waiting.setdefault(entity, Wait(self._now, offset, {}))
        wait.found.update(dict.fromkeys(found, event["event_id"]))
        if len(wait.found) == len(self._features):
            del self._waiting[entity]
            act("complete", entity, wait)

    def end(self, offset: int) -> None:
        """Nothing is left to read before this offset."""
        self._is_read, self._next = True, offset

    def tick(self) -> None:
        """Where nothing is left to read, time passes by the clock."""
        if self._is_read:
            self._pass_time(time.time())

    def __len__(self) -> int:
        """The number of entities that wait."""
        return len(self._waiting)

    @property
    def oldest(self) -> float:
        """Since when the entity has waited that has waited longest; there must be one."""
        return next(iter(self._waiting.values())).since

    def expire_oldest(self) -> None:
        """Act as if the limit of the entity had passed that has waited longest."""
        act("incomplete", *self._waiting.popitem(last=False))

    @property
    def safe_offset(self) -> int | None:
        """Where a restart has to go on: at the first event of the entity that has waited longest."""
        return next(iter(self._waiting.values())).offset if self._waiting else self._next

    def _pass_time(self, now: float) -> None:
        self._now = max(self._now, now)
        while self._waiting and self.oldest + self._limit < self._now:
            self.expire_oldest()


def act(outcome: str, entity: Entity, wait: Wait) -> None:
    """What is done when all have come, or when the limit has passed: put your own work here."""
    told = {"entity_type": entity[0], "entity_id": entity[1], "features": sorted(wait.found)}
    print(json.dumps({outcome: told, "events": sorted(set(wait.found.values()))}, ensure_ascii=False), flush=True)


def read_setting(name: str) -> str:
    """A setting that must be there."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


def read_limit() -> float:
    """How long an entity may wait, in seconds."""
    try:
        return float(os.environ.get("TIME_LIMIT") or "3600")
    except ValueError:
        sys.exit("TIME_LIMIT must be a number of seconds")


class Registry(SchemaRegistryClient):
    """Ends the program where the registry does not answer: that is not the message's fault."""

    def get_schema(self, *asked: Any, **named: Any) -> Schema:  # noqa: ANN401  # the client's own
        """The schema of an id; where the registry knows none, the client's own error."""
        try:
            return super().get_schema(*asked, **named)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"the schema registry did not answer ({reason}); nothing is wrong with the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """The event of a message, by the schema that it was written with; it ends the program where there is none."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "it has no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder fails in many ways, and its text can hold the payload
        event, reason = None, type(error).__name__
    if isinstance(event, dict):
        return event
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


class Waiting:
    """Reads the topic's partitions that this process was given, each with its own state."""

    def __init__(
        self, consumer: Consumer, deserialize: AvroDeserializer, features: frozenset[str], limit: float
    ) -> None:
        self._consumer = consumer
        self._deserialize = deserialize
        self._features = features
        self._limit = limit
        self._seen = Seen()
        self._partitions: dict[Place, Partition] = {}

    def forget(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Drops what waits in partitions that another process has now: it reads their events again."""
        places = {(each.topic, each.partition) for each in partitions}
        self._partitions = {place: each for place, each in self._partitions.items() if place not in places}
        self._seen.forget(places)

    def poll(self) -> None:
        """Takes the next message, if there is one, and tells what has waited too long."""
        message = self._consumer.poll(1.0)
        if message is not None:
            self._take(message)
        for (topic, number), partition in self._partitions.items():
            partition.tick()
            if partition.safe_offset is not None:
                self._consumer.store_offsets(offsets=[TopicPartition(topic, number, partition.safe_offset)])

    def _take(self, message: Message) -> None:
        topic, number, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        partition = self._find((topic, number))
        if (error := message.error()) is None:
            partition.add(read_event(self._deserialize, message), offset, message.timestamp()[1] / 1000)
            while sum(map(len, self._partitions.values())) > MOST_WAITING:
                min(filter(len, self._partitions.values()), key=lambda each: each.oldest).expire_oldest()
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            partition.end(offset)
        else:
            raise KafkaException(error)

    def _find(self, place: Place) -> Partition:
        if place not in self._partitions:
            self._partitions[place] = Partition(self._features, self._limit, partial(self._seen.is_repeat, place))
        return self._partitions[place]


def main() -> None:
    """Reads the topic from its beginning, or from where its group was."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    features = frozenset(each.strip() for each in read_setting("FEATURES").split(","))
    limit = read_limit()
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # beside it and the registry's url: how you authenticate
        "group.id": "example-await-features",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy the client first asks for associations, which many registries and their proxies refuse
    deserialize = AvroDeserializer(registry, conf={"subject.name.strategy.type": "TOPIC"})
    consumer = Consumer(settings)
    waiting = Waiting(consumer, deserialize, features, limit)
    topic = os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"
    consumer.subscribe([topic], on_revoke=waiting.forget)
    try:
        while not stopping.is_set():
            waiting.poll()
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    finally:
        consumer.close()  # commits, and leaves the group


if __name__ == "__main__":
    main()
