"""Act once all of the given features of an entity have arrived, or once a time limit has passed.

Kafka is the only storage. While an entity is waiting, its first event and all later messages stay uncommitted, so no
complete set is lost. After a restart, messages are reread, so an action may be repeated. A repeated action may be
incomplete if the entity's first events were already committed. The action must tolerate this; `events` identifies
repeats. An event after the time limit starts a new wait.

If an item is removed while its entity is waiting, its features no longer count. A removal after the action undoes
nothing. Event types that this program does not know are ignored, because later versions may add some.
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
from position import Position

AVAILABLE: Final = "feature_available"
UNAVAILABLE: Final = "feature_unavailable"
MOST_WAITING: Final = 100_000
"""The largest number of waiting entities in this process. Beyond it, the oldest one is treated as expired."""
REMEMBERED: Final = 100_000
"""The number of event ids to remember in this process."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""

type Entity = tuple[str, str]
"""The type and the id of an entity."""
type Item = tuple[str, str]
"""The ce_source and the resource_name of an entity's item."""
type Place = tuple[str, int]
"""A topic and a partition."""


class Current(NamedTuple):
    """The current event of a feature in one item."""

    position: Position
    event_id: str
    is_available: bool


class Wait(NamedTuple):
    """An entity for which some features have arrived."""

    since: float
    """The time of the first event in seconds, in the partition's time."""
    offset: int
    """The offset of the first event."""
    events: dict[tuple[str, Item], Current]
    """The current event for each feature and item."""

    def update(self, feature: str, item: Item, event: Current) -> None:
        """Replace the current event of a feature in an item, unless this event is older."""
        known = self.events.get((feature, item))
        if known is None or event.position.is_newer_than(known.position):
            self.events[feature, item] = event

    def find_available(self) -> dict[str, str]:
        """Return the available features, each with the id of its latest event."""
        ordered = sorted(self.events.items(), key=lambda each: each[1].position)
        return {feature: event.event_id for (feature, _), event in ordered if event.is_available}


class Seen:
    """The ids of the latest events in this process, with their partitions."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, Place] = OrderedDict()

    def is_duplicate(self, place: Place, event_id: str) -> bool:
        """Return whether this id was seen before, and remember it."""
        if event_id in self._ids:
            return True
        self._ids[event_id] = place
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return False

    def forget(self, places: set[Place]) -> None:
        """Forget the ids of partitions whose events may be reread from an earlier offset."""
        self._ids = OrderedDict(each for each in self._ids.items() if each[1] not in places)


class Partition:
    """The waiting entities of one partition, oldest first.

    The partition's time is the timestamp of its newest message, so a backlog has the same results as reading live. At
    the end of the partition, it is the time of the clock.
    """

    def __init__(self, features: frozenset[str], limit: float, is_duplicate: Callable[[str], bool]) -> None:
        self._features = features
        self._limit = limit
        self._is_duplicate = is_duplicate
        self._now = 0.0
        self._waiting: OrderedDict[Entity, Wait] = OrderedDict()
        self._next: int | None = None
        self._is_at_end = False

    def add(self, event: dict[str, Any], source: str, position: Position) -> None:
        """Add an event, and act if it completes its entity."""
        self._is_at_end, self._next = False, position.offset + 1
        self._pass_time(position.timestamp_ms / 1000)
        entity = event["entity_type"], event["entity_id"]
        features = self._find_features(event, is_waiting=entity in self._waiting)
        if not features or self._is_duplicate(event["event_id"]):
            return
        wait = self._waiting.setdefault(entity, Wait(self._now, position.offset, {}))
        current = Current(position, event["event_id"], event["event_type"] == AVAILABLE)
        for feature in features:
            wait.update(feature, (source, event["resource_name"]), current)
        available = wait.find_available()
        is_complete = len(available) == len(self._features)
        if is_complete or not available:
            del self._waiting[entity]
        if is_complete:
            act("complete", entity, available)

    def end(self, offset: int) -> None:
        """Record that the partition has been read up to this offset."""
        self._is_at_end, self._next = True, offset

    def tick(self) -> None:
        """Advance the partition's time by the clock, if all messages have been read."""
        if self._is_at_end:
            self._pass_time(time.time())

    def __len__(self) -> int:
        """Return the number of waiting entities."""
        return len(self._waiting)

    @property
    def oldest(self) -> float:
        """The start time of the oldest wait. An entity must be waiting."""
        return next(iter(self._waiting.values())).since

    def expire_oldest(self) -> None:
        """Act as if the time limit of the oldest entity had passed."""
        entity, wait = self._waiting.popitem(last=False)
        act("incomplete", entity, wait.find_available())

    @property
    def safe_offset(self) -> int | None:
        """The offset to resume from after a restart: the first event of the oldest entity."""
        return next(iter(self._waiting.values())).offset if self._waiting else self._next

    def _find_features(self, event: dict[str, Any], *, is_waiting: bool) -> frozenset[str]:
        """Return the features that the event changes. Without names, a removal applies to all features of its item."""
        if event["event_type"] == AVAILABLE:
            return self._features.intersection(event["features"])
        if event["event_type"] == UNAVAILABLE and is_waiting:
            return self._features.intersection(event["features"] or self._features)
        return frozenset()

    def _pass_time(self, now: float) -> None:
        self._now = max(self._now, now)
        while self._waiting and self.oldest + self._limit < self._now:
            self.expire_oldest()


def act(outcome: str, entity: Entity, available: dict[str, str]) -> None:
    """Act on a complete or expired set of features: replace this with your own work."""
    found = {"entity_type": entity[0], "entity_id": entity[1], "features": sorted(available)}
    print(json.dumps({outcome: found, "events": sorted(set(available.values()))}, ensure_ascii=False), flush=True)


def read_setting(name: str) -> str:
    """Return a required setting."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


def read_limit() -> float:
    """Return the time limit of a wait in seconds."""
    try:
        return float(os.environ.get("TIME_LIMIT") or "3600")
    except ValueError:
        sys.exit("TIME_LIMIT must be a number of seconds")


class Registry(SchemaRegistryClient):
    """A registry client that exits the program if the registry is unavailable, because the message is not at fault."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Schema:  # noqa: ANN401  # the client's signature
        """Return a schema. The client's error is raised only for an unknown schema id."""
        try:
            return super().get_schema(*args, **kwargs)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # an error of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"schema registry unavailable ({reason}); restart this program to retry the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """Decode a message with the schema that wrote it, or exit the program if it is not an event."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder can raise any error, and the error's text can contain the payload
        event, reason = None, type(error).__name__
    if isinstance(event, dict):
        return event
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


class Waiting:
    """Reads the assigned partitions, each with its own state."""

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
        """Forget the waiting entities of revoked partitions. Their new owner reads the events again."""
        places = {(each.topic, each.partition) for each in partitions}
        self._partitions = {place: each for place, each in self._partitions.items() if place not in places}
        self._seen.forget(places)

    def poll(self) -> None:
        """Add the next message, if there is one, and expire entities that have waited too long."""
        message = self._consumer.poll(1.0)
        if message is not None:
            self._add(message)
        for (topic, number), partition in self._partitions.items():
            partition.tick()
            if partition.safe_offset is not None:
                self._consumer.store_offsets(offsets=[TopicPartition(topic, number, partition.safe_offset)])

    def _add(self, message: Message) -> None:
        topic, number, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        partition = self._find((topic, number))
        if (error := message.error()) is None:
            headers = {name: text.decode() for name, text in message.headers() or ()}  # type: ignore[union-attr, str-unpack]  # pairs of str and bytes; the stub is wrong
            position = Position.of(message.timestamp()[1], headers.get("ce_sequence"), offset)
            partition.add(read_event(self._deserialize, message), headers.get("ce_source", ""), position)
            while sum(map(len, self._partitions.values())) > MOST_WAITING:
                min(filter(len, self._partitions.values()), key=lambda each: each.oldest).expire_oldest()
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the documented name
            partition.end(offset)
        else:
            raise KafkaException(error)

    def _find(self, place: Place) -> Partition:
        if place not in self._partitions:
            self._partitions[place] = Partition(self._features, self._limit, partial(self._seen.is_duplicate, place))
        return self._partitions[place]


def main() -> None:
    """Read the topic from the group's last position, or from its beginning."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    features = frozenset(each.strip() for each in read_setting("FEATURES").split(","))
    limit = read_limit()
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # add your authentication here and to the registry
        "group.id": "example-await-features",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy, the client first requests associations, which many registries and proxies reject
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
