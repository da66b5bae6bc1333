"""The libraries that consumers use read our messages correctly."""

import base64
import json
from datetime import datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.kafka import ConsumerRecords, SchemaConfig, kafka_consumer
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from feature_events.events.codec import Codec
from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import read_shipped_schema
from local.paths import ROOT
from tests.support.doubles import FakeContext
from tests.support.pipelines import encode
from tests.support.records import to_record

FOLDER = ROOT / "schemas" / "examples"
EXAMPLES = {
    str(path.relative_to(FOLDER)): example
    for path in sorted(FOLDER.rglob("*.json"))
    if "bytes" in (example := json.loads(path.read_text()))
}
EXAMPLE = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)

type Example = dict[str, Any]


def to_schema(example: Example) -> str:
    """Return the schema of an example; version 1 by default."""
    return read_shipped_schema(example.get("schema", "feature_trigger.avsc"))


def to_value(example: Example, schema_id: int | None = None) -> bytes:
    """Return the message value of an example's event."""
    given: Example = {name: tuple(value) if type(value) is list else value for name, value in example["event"].items()}
    if given.get("stream_time"):
        given["stream_time"] = round(datetime.fromisoformat(given["stream_time"]).timestamp() * 1000)
    prefix = to_confluent_prefix(schema_id or example["schema_id"])
    return prefix + Codec(to_schema(example)).encode(tuple(given.values()))


@EXAMPLE
def test_encode__produces_the_golden_bytes(example: Example) -> None:
    """Avro's reference implementation wrote the examples' bytes."""
    assert to_value(example).hex() == example["bytes"]


@EXAMPLE
def test_value__is_read_by_confluents_deserializer(example: Example) -> None:
    """A confluent-kafka consumer finds the schema by the id in the wire-format prefix."""
    client = SchemaRegistryClient.new_client({"url": "mock://registry"})
    schema_id = client.register_schema("events-value", RegisteredSchema(to_schema(example), "AVRO"))
    read = AvroDeserializer(client)(to_value(example, schema_id), SerializationContext("events", MessageField.VALUE))
    assert read == example["event"]


@EXAMPLE
def test_value__is_read_by_powertools_kafka_consumer(example: Example) -> None:
    """A Lambda consumer of MSK must set Confluent's wire format."""
    found: list[Any] = []
    config = SchemaConfig("AVRO", to_schema(example), value_schema_wire_format="CONFLUENT")

    @kafka_consumer(schema_config=config)
    def consume(event: ConsumerRecords, _: object) -> None:
        found.extend(record.value for record in event.records)

    record = {
        "topic": "events",
        "partition": 0,
        "offset": 0,
        "timestamp": 0,
        "timestampType": "CREATE_TIME",
        "key": base64.b64encode(b"k").decode(),
        "value": base64.b64encode(to_value(example)).decode(),
        "headers": [],
        "keySchemaMetadata": {},
        "valueSchemaMetadata": {"dataFormat": "AVRO"},
    }
    consume({"eventSource": "aws:kafka", "records": {"events-0": [record]}}, FakeContext())  # type: ignore[arg-type]  # it uses only a part of the context
    assert found == [example["event"]]


def test_headers__are_read_by_the_cloudevents_sdk() -> None:
    """Each message is a valid CloudEvent in binary mode."""
    message = encode(to_record(3)).message
    event = from_binary(KafkaMessage(dict(message.headers), message.key, message.value), JSONFormat())
    assert event.get_specversion() == "1.0"
    assert event.get_id() == dict(message.headers)["ce_id"].decode()
    assert event.get_source() == "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"
    assert event.get_type() == "com.featurestore.events.feature_available"
    assert event.get_subject() == "bright_uid/user-1"
    assert event.get_datacontenttype() == "application/avro"
    time = event.get_time()
    assert time is not None
    assert time.isoformat(timespec="milliseconds") == "2025-10-10T12:34:56.789+00:00"
    assert event.get_extension("sequence") == to_record(3)["dynamodb"]["SequenceNumber"]
