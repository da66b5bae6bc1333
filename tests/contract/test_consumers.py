"""Our bytes, read by the libraries that consumers use: what they get is the event, field by field."""

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
from feature_events.events.message import Message, to_confluent_prefix
from feature_events.events.schema import read_shipped_schema
from local.paths import ROOT
from tests.support.doubles import FakeContext, FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline
from tests.support.records import to_record

FOLDER = ROOT / "schemas" / "examples"
EXAMPLES = {str(path.relative_to(FOLDER)): json.loads(path.read_text()) for path in sorted(FOLDER.rglob("*.json"))}
EXAMPLE = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)

type Example = dict[str, Any]


def to_schema(example: Example) -> str:
    """The schema that an example was written by: version 1 where it names none."""
    return read_shipped_schema(example.get("schema", "feature_trigger.avsc"))


def to_value(example: Example, schema_id: int | None = None) -> bytes:
    """The message value that we make of an example."""
    given: Example = {name: tuple(value) if type(value) is list else value for name, value in example["event"].items()}
    if given.get("stream_time"):
        given["stream_time"] = round(datetime.fromisoformat(given["stream_time"]).timestamp() * 1000)
    prefix = to_confluent_prefix(schema_id or example["schema_id"])
    return prefix + Codec(to_schema(example)).encode(tuple(given.values()))


def published(record: dict[str, Any]) -> Message:
    """The message that a record gives."""
    prepared = to_pipeline(FakePublisher(), FakeDeadLetters()).prepare([record], range(1))
    return prepared.messages[0]


@EXAMPLE
def test_encode__gives_the_golden_bytes(example: Example) -> None:
    """The examples' bytes were written by Avro's reference implementation, and a change of ours would show here."""
    assert to_value(example).hex() == example["bytes"]


@EXAMPLE
def test_value__is_read_by_confluents_deserializer(example: Example) -> None:
    """A consumer on confluent-kafka gets the event by the id in the wire-format prefix."""
    client = SchemaRegistryClient.new_client({"url": "mock://registry"})
    schema_id = client.register_schema("events-value", RegisteredSchema(to_schema(example), "AVRO"))
    read = AvroDeserializer(client)(to_value(example, schema_id), SerializationContext("events", MessageField.VALUE))
    assert read == example["event"]


@EXAMPLE
def test_value__is_read_by_powertools_kafka_consumer(example: Example) -> None:
    """A Lambda behind MSK, on Powertools, gets the event with Confluent's wire format named."""
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
    consume({"eventSource": "aws:kafka", "records": {"events-0": [record]}}, FakeContext())  # type: ignore[arg-type]  # as much of a context as it looks at
    assert found == [example["event"]]


def test_headers__are_read_by_the_cloudevents_sdk() -> None:
    """The SDK finds a valid CloudEvent in binary mode."""
    message = published(to_record(3))
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
