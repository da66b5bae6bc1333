"""The lower limit: prebuilt messages, produced by librdkafka and flushed once, without delivery reports.

No handler in Python can be faster.
"""

import io
import json
import os
import struct
from pathlib import Path

import fastavro
from confluent_kafka import Producer

from benchmarks.contenders import SAFE_PROPERTIES, Run
from benchmarks.contenders.plain import make_fields
from benchmarks.stream_events import StreamEvent

TOPIC = os.environ["TOPIC_NAME"]
SCHEMA = fastavro.parse_schema(json.loads((Path(__file__).parents[2] / "schemas" / "feature_trigger.avsc").read_text()))
PREFIX = struct.pack(">bI", 0, int(os.environ["SCHEMA_ID"]))

producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
        **SAFE_PROPERTIES,
        "linger.ms": 100,
    }
)


def prepare(event: StreamEvent) -> Run:
    """Prepare the batch's messages."""
    messages = []
    for record in event.parse()["Records"]:
        fields = make_fields(record)
        data = io.BytesIO()
        fastavro.schemaless_writer(data, SCHEMA, fields)
        messages.append((PREFIX + data.getvalue(), fields["entity_id"].encode()))

    def run() -> None:
        for value, key in messages:
            producer.produce(TOPIC, value, key)
        if producer.flush(20):
            raise RuntimeError("some messages were not delivered")

    return run
