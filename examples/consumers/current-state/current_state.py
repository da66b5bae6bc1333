"""Keep a local table of the features that are available now, from the topic alone.

item_state.py applies the state rule to each event and stores the result in a SQLite file. One transaction stores the
events of a batch and the offsets after them. After a crash, the program resumes where the file ends. Without a file, it
reads the topic from the beginning. It commits no offsets to Kafka, because they would be wrong for a file that was
deleted or restored. Each process reads the whole topic into its own file.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event as Flag
from typing import Any, Final, NoReturn

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from item_state import Item, ItemState, Reading, read_items
from position import Position

BATCH: Final = 500
"""The largest number of messages in one transaction."""
REFRESH_SECONDS: Final = 60.0
"""The interval between requests for the topic's partitions, to which new ones may have been added."""
LIMIT: Final = 10.0
"""The timeout in seconds for requests about the topic."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""
AVAILABLE: Final = "feature_available"
UNAVAILABLE: Final = "feature_unavailable"


def report(item: Item, features: Sequence[str]) -> None:
    """Print an item and its available features. Replace this with your own work."""
    line = {
        "entity_type": item.entity_type,
        "entity_id": item.entity_id,
        "resource_name": item.resource_name,
        "features": features,
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def read_setting(name: str) -> str:
    """Return a required setting."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


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
    if not isinstance(event, dict):
        refuse(message, reason)
    return event


def refuse(message: Message, reason: str) -> NoReturn:
    """Exit the program at a message that it cannot read. It reads the message again once the cause is fixed."""
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


def read_message(deserialize: AvroDeserializer, message: Message) -> Reading | None:
    """Return the event of a message, or None if its type is unknown."""
    event = read_event(deserialize, message)
    if event["event_type"] not in (AVAILABLE, UNAVAILABLE):
        return None
    headers: dict[str, Any] = dict(message.headers() or ())
    source, sequence = headers.get("ce_source"), headers.get("ce_sequence")
    kind, timestamp_ms = message.timestamp()
    if kind != TIMESTAMP_CREATE_TIME:
        refuse(message, "the state rule needs a topic with message.timestamp.type=CreateTime")
    if source is None:
        refuse(message, "the state rule needs the header ce_source")
    item = Item(source.decode(), event["entity_type"], event["entity_id"], event["resource_name"])
    position = Position.of(timestamp_ms, sequence and sequence.decode(), message.offset() or 0)
    return Reading(item, (position, message.partition() or 0), event["event_type"] == AVAILABLE, event["features"])


class Reader:
    """Reads all partitions of the topic from the offsets in the state."""

    def __init__(self, consumer: Consumer, deserialize: AvroDeserializer, topic: str, state: ItemState) -> None:
        self._consumer = consumer
        self._deserialize = deserialize
        self._topic = topic
        self._state = state
        self._assigned: set[int] = set()
        self._refreshed = 0.0

    def assign(self) -> None:
        """Read each partition from its stored offset, and a new partition from its first message."""
        self._refreshed = time.monotonic()
        partitions = set(self._consumer.list_topics(self._topic, timeout=LIMIT).topics[self._topic].partitions)
        if partitions <= self._assigned:
            return
        for number in partitions - self._state.read_offsets().keys():
            first, _ = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=LIMIT)
            self._state.store([], {number: first})
        self._consumer.assign([TopicPartition(self._topic, *each) for each in self._state.read_offsets().items()])
        self._assigned |= partitions

    def read(self) -> None:
        """Store the next batch of messages, and report the items whose features changed."""
        if time.monotonic() - self._refreshed >= REFRESH_SECONDS:
            self._look_for_partitions()
        readings: list[Reading] = []
        offsets: dict[int, int] = {}
        try:
            for message in self._consumer.consume(BATCH, timeout=1.0):
                self._check(message)
                if (reading := read_message(self._deserialize, message)) is not None:
                    readings.append(reading)
                offsets[message.partition() or 0] = (message.offset() or 0) + 1
        finally:  # also stores the messages before one that cannot be read
            for item in self._state.store(readings, offsets):
                report(item, self._state.read_features(item))

    def _look_for_partitions(self) -> None:
        """Read new partitions of the topic too. An unavailable broker does not stop the program."""
        try:
            self.assign()
        except KafkaException as error:
            print(f"could not look for new partitions: {error.args[0].str()}", file=sys.stderr)

    def _check(self, message: Message) -> None:
        """Raise or exit if this is an error instead of a message."""
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # the documented name
            sys.exit(
                f"{message.topic()} [{message.partition()}]: the next offset is no longer in the topic, so events are "
                "missing; delete the state file, restart this program, and request a backfill"
            )
        raise KafkaException(error)


def read_topic(path: Path) -> None:
    """Read the topic into a state file until the program is stopped."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # add your authentication here and to the registry
        "group.id": "example-current-state",  # required by the client, but not used: the offsets are in the file
        "enable.auto.commit": False,
        "auto.offset.reset": "error",  # continuing elsewhere would skip events
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy, the client first requests associations, which many registries and proxies reject
    deserialize = AvroDeserializer(registry, conf={"subject.name.strategy.type": "TOPIC"})
    topic = os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"
    with closing(Consumer(settings)) as consumer:
        found = consumer.list_topics(topic, timeout=LIMIT)
        if (error := found.topics[topic].error) is not None:
            raise KafkaException(error)
        origin = {"TOPIC_NAME": topic, "cluster": str(found.cluster_id)}
        with closing(ItemState.open(path, os.environ.get("PER_FEATURE") or "", origin)) as state:
            reader = Reader(consumer, deserialize, topic, state)
            reader.assign()
            while not stopping.is_set():
                reader.read()


def main() -> None:
    """Read the topic, or print the available items."""
    parser = argparse.ArgumentParser(description="Keep a local table of the features that are available now.")
    parser.add_argument("--print", action="store_true", help="print one line of JSON per item, without Kafka")
    path = Path(os.environ.get("STATE_FILE") or "current_state.sqlite")
    try:
        if parser.parse_args().print:
            for item, features in read_items(path):
                report(item, features)
        else:
            read_topic(path)
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    except sqlite3.Error as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
