"""The former publisher: Avro in pure Python, and a flush for each record.

It published events one by one from the service that wrote the items, with these properties.
"""

import io
import os
import struct
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.contenders import Run, make_run
from benchmarks.contenders.plain import make_fields
from benchmarks.stream_events import StreamEvent

TOPIC = os.environ["TOPIC_NAME"]
SCHEMA = Path(__file__).parents[2] / "schemas" / "feature_trigger.avsc"
PREFIX = struct.pack(">bI", 0, int(os.environ["SCHEMA_ID"]))

writer = avro.io.DatumWriter(avro.schema.parse(SCHEMA.read_text()))
producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
        "client.id": "feature-store-api",
        "acks": "all",
        "retries": 3,
        "compression.type": "snappy",
        "partitioner": "murmur2_random",
    }
)
failures: list[str] = []


def report(error: KafkaError | None, _: Message) -> None:
    """Record a failed delivery."""
    if error is not None:
        failures.append(error.name())


def publish(event: dict[str, Any]) -> None:
    """Produce one event, and wait for its delivery."""
    data = io.BytesIO()
    data.write(PREFIX)
    writer.write(event, avro.io.BinaryEncoder(data))
    producer.produce(TOPIC, data.getvalue(), event["entity_id"].encode(), on_delivery=report)
    if producer.flush(20) or failures:
        raise RuntimeError("the event was not delivered")


def handler(event: dict[str, Any], _: object) -> dict[str, list[object]]:
    """Publish the events of one batch."""
    for record in event["Records"]:
        publish(make_fields(record))
    return {"batchItemFailures": []}


def prepare(event: StreamEvent) -> Run:
    """Prepare an invocation."""
    return make_run(handler, event.parse())
