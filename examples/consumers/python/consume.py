"""Prints each FeatureAvailabilityEvent of a topic once, as a line of JSON.

A duplicate has the event_id of the event that it repeats, so the last ids are kept and their repeats dropped.
"""

import json
import os
import signal
from collections import OrderedDict
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

REMEMBERED = 100_000
"""So many ids are kept: a duplicate comes within the retries of a batch."""


class Seen:
    """The ids of the last events."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_repeat(self, event_id: str) -> bool:
        """Whether this id has come before; it is kept."""
        if event_id in self._ids:
            return True
        self._ids[event_id] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return False


def to_line(message: Any, event: dict[str, Any]) -> str:  # noqa: ANN401  # the client's stub knows no headers of bytes
    """What is printed of a message."""
    headers = {name: text.decode() for name, text in message.headers() or ()}
    return json.dumps({"key": message.key().decode(), "headers": headers, "event": event}, ensure_ascii=False)


def main() -> None:
    """Reads the topic from its beginning, until it is told to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    topic = os.environ.get("TOPIC_NAME", "FEATURE_AVAILABILITY_EVENTS")
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY"]}))
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
            "group.id": "example-python",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    seen = Seen()
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() is not None:
                raise KafkaException(message.error())
            event = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            if not isinstance(event, dict):
                continue  # no event: the message has no value
            if seen.is_repeat(event["event_id"]):
                continue
            print(to_line(message, event), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
