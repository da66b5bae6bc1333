"""Prints each FeatureAvailabilityEvent of a topic once, as a line of JSON.

A duplicate has the event_id of the event that it repeats, so the last ids are kept and their repeats dropped. The ids
are in memory: after a restart, events that were processed and not yet committed are printed again. No event is lost.
"""

import json
import os
import signal
import sys
from collections import OrderedDict
from threading import Event as Flag
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

REMEMBERED: Final = 100_000
"""So many ids are kept: a duplicate comes within the retries of a batch."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""


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


def read_setting(name: str) -> str:
    """A setting that must be there."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


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
    # Skipped, it would be lost; so it stays uncommitted for whoever finds the cause
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


def process(message: Message, event: dict[str, Any]) -> None:
    """What is done with an event: put your own work here."""
    headers = {name: text.decode() for name, text in message.headers() or ()}  # type: ignore[union-attr, str-unpack]  # pairs of str and bytes, whatever the stub says
    line = {"key": (message.key() or b"").decode(), "headers": headers, "event": event}
    # default: JSON knows no time, and a field of a later schema can be one
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


def consume(consumer: Consumer, deserialize: AvroDeserializer, stopping: Flag) -> None:
    """Processes messages until it is told to stop."""
    seen = Seen()
    while not stopping.is_set():
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        event = read_event(deserialize, message)
        if not seen.is_repeat(event["event_id"]):
            process(message, event)
        consumer.store_offsets(message)  # only what is processed is ever committed


def main() -> None:
    """Reads the topic from its beginning, or from where its group was."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # beside it and the registry's url: how you authenticate
        "group.id": "example-python",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy the client first asks for associations, which many registries and their proxies refuse
    deserialize = AvroDeserializer(registry, conf={"subject.name.strategy.type": "TOPIC"})
    consumer = Consumer(settings)
    consumer.subscribe([os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"])
    try:
        consume(consumer, deserialize, stopping)
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    finally:
        consumer.close()  # commits, and leaves the group


if __name__ == "__main__":
    main()
