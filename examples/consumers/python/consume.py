"""Prints each FeatureAvailabilityEvent of a topic once, as a line of JSON.

A duplicate has the event_id of the event that it repeats, so the last ids are kept and their repeats dropped. The ids
are in memory: after a restart, events that were processed and not yet committed are printed again. No event is lost.
With SCHEMA_REGISTRY=glue it reads AWS Glue's wire format, and otherwise Confluent's.
"""

import json
import os
import signal
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable
from io import BytesIO
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from fastavro import parse_schema, schemaless_reader

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

REMEMBERED: Final = 100_000
"""So many ids are kept: a duplicate comes within the retries of a batch."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""

GLUE: Final = "glue"
"""What SCHEMA_REGISTRY is if the registry is AWS Glue."""
GLUE_PREFIX_BYTES: Final = 18

type Deserialize = Callable[[bytes | None, SerializationContext], object]


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


class GlueDeserializer:
    """Reads AWS Glue's wire format: 03, the compression (00 none, 05 zlib), the schema version's UUID, the Avro.

    https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
    """

    def __init__(self, glue: "GlueClient") -> None:
        self._glue = glue
        self._schemas: dict[UUID, Any] = {}

    def __call__(self, value: bytes | None, _: SerializationContext) -> object:
        """The event in a message's value."""
        if value is None:
            return None
        if value[:2] not in (b"\x03\x00", b"\x03\x05") or len(value) < GLUE_PREFIX_BYTES:
            raise SerializationError("its value is not in AWS Glue's wire format")
        schema = self._find(UUID(bytes=value[2:GLUE_PREFIX_BYTES]))
        avro = value[GLUE_PREFIX_BYTES:]
        return schemaless_reader(BytesIO(zlib.decompress(avro) if value[1] else avro), schema, None)

    def _find(self, version: UUID) -> Any:  # noqa: ANN401  # fastavro's own
        """The schema of a version, for which Glue is asked once."""
        if version not in self._schemas:
            try:
                found = self._glue.get_schema_version(SchemaVersionId=str(version))
            except self._glue.exceptions.EntityNotFoundException:
                raise SerializationError(f"AWS Glue has no schema version {version}") from None
            except (BotoCoreError, ClientError) as error:
                sys.exit(f"AWS Glue did not answer ({error}); nothing is wrong with the message")
            self._schemas[version] = parse_schema(json.loads(found["SchemaDefinition"]))
        return self._schemas[version]


def to_deserializer(registry: str) -> Deserialize:
    """What reads the events' values."""
    if registry == GLUE:
        try:
            return GlueDeserializer(boto3.client("glue"))
        except BotoCoreError as error:
            sys.exit(f"AWS: {error}")
    # Without a strategy the client first asks for associations, which many registries and their proxies refuse
    confluent: Deserialize = AvroDeserializer(Registry({"url": registry}), conf={"subject.name.strategy.type": "TOPIC"})
    return confluent


def read_event(deserialize: Deserialize, message: Message) -> dict[str, Any]:
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


def consume(consumer: Consumer, deserialize: Deserialize, stopping: Flag) -> None:
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
    deserialize = to_deserializer(read_setting("SCHEMA_REGISTRY"))
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
