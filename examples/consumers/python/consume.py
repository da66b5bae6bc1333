"""Print each FeatureAvailabilityEvent of a topic once, as a line of JSON.

A duplicate has the same event_id as its original, so this program remembers the latest ids and drops duplicates. The
ids are in memory, so after a restart, events that were processed but not committed are printed again. No event is lost.
It ignores event types that it does not know, because later versions may add some. With SCHEMA_REGISTRY=glue it reads
AWS Glue's wire format, otherwise Confluent's.
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

EVENT_TYPES: Final = ("feature_available", "feature_unavailable")
"""The event types that this program processes."""
REMEMBERED: Final = 100_000
"""The number of ids to remember. Duplicates arrive within the retries of a batch."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""

GLUE: Final = "glue"
"""The value of SCHEMA_REGISTRY for AWS Glue."""
GLUE_PREFIX_BYTES: Final = 18

type Deserialize = Callable[[bytes | None, SerializationContext], object]


class Seen:
    """The ids of the latest events."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_duplicate(self, event_id: str) -> bool:
        """Return whether this id was seen before, and remember it."""
        if event_id in self._ids:
            return True
        self._ids[event_id] = None
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return False


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


class GlueDeserializer:
    """Decodes AWS Glue's wire format: 03, the compression (00 none, 05 zlib), the schema version's UUID, and the Avro.

    https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
    """

    def __init__(self, glue: "GlueClient") -> None:
        self._glue = glue
        self._schemas: dict[UUID, Any] = {}

    def __call__(self, value: bytes | None, _: SerializationContext) -> object:
        """Decode a message's value."""
        if value is None:
            return None
        if value[:2] not in (b"\x03\x00", b"\x03\x05") or len(value) < GLUE_PREFIX_BYTES:
            raise SerializationError("the value is not in AWS Glue's wire format")
        schema = self._find(UUID(bytes=value[2:GLUE_PREFIX_BYTES]))
        avro = value[GLUE_PREFIX_BYTES:]
        return schemaless_reader(BytesIO(zlib.decompress(avro) if value[1] else avro), schema, None)

    def _find(self, version: UUID) -> Any:  # noqa: ANN401  # fastavro has no type for it
        """Return the schema of a version. It is requested from Glue once."""
        if version not in self._schemas:
            try:
                found = self._glue.get_schema_version(SchemaVersionId=str(version))
            except self._glue.exceptions.EntityNotFoundException:
                raise SerializationError(f"AWS Glue has no schema version {version}") from None
            except (BotoCoreError, ClientError) as error:
                sys.exit(f"AWS Glue unavailable ({error}); restart this program to retry the message")
            self._schemas[version] = parse_schema(json.loads(found["SchemaDefinition"]))
        return self._schemas[version]


def make_deserializer(registry: str) -> Deserialize:
    """Make the deserializer for the events' values."""
    if registry == GLUE:
        try:
            return GlueDeserializer(boto3.client("glue"))
        except BotoCoreError as error:
            sys.exit(f"AWS: {error}")
    # Without a strategy, the client first requests associations, which many registries and proxies reject
    confluent: Deserialize = AvroDeserializer(Registry({"url": registry}), conf={"subject.name.strategy.type": "TOPIC"})
    return confluent


def read_event(deserialize: Deserialize, message: Message) -> dict[str, Any]:
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
    # Skipping the message would lose it. Uncommitted, it can be reread once the cause is fixed.
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


def process(message: Message, event: dict[str, Any]) -> None:
    """Process an event: replace this with your own work. To keep the current state of items, see position.py."""
    headers = {name: text.decode() for name, text in message.headers() or ()}  # type: ignore[union-attr, str-unpack]  # pairs of str and bytes; the stub is wrong
    line = {"key": (message.key() or b"").decode(), "headers": headers, "event": event}
    # default: JSON has no type for times, which a later schema may contain
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


def consume(consumer: Consumer, deserialize: Deserialize, stopping: Flag) -> None:
    """Process messages until the program is stopped."""
    seen = Seen()
    while not stopping.is_set():
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        event = read_event(deserialize, message)
        if event["event_type"] in EVENT_TYPES and not seen.is_duplicate(event["event_id"]):
            process(message, event)
        consumer.store_offsets(message)  # only processed messages are committed


def main() -> None:
    """Read the topic from the group's last position, or from its beginning."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # add your authentication here and to the registry
        "group.id": "example-python",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
    }
    deserialize = make_deserializer(read_setting("SCHEMA_REGISTRY"))
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
