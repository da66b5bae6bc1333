"""Measure the bytes of an event in Avro and compact JSON, alone and on the wire in a batch.

The program uses the function's settings. The size on the wire is what librdkafka sends for each message of a record
batch of 1,000 messages compressed with zstd. It includes the key and Kafka's record format, but no headers.
"""

import importlib
import json
import os
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import Producer

from benchmarks.programs import make_command, run_to_end, silence
from benchmarks.stream_events import make_stream_event
from benchmarks.throughput import FEATURES
from benchmarks.worker import TOPIC, make_settings
from local.paths import ROOT

RECORDS = 1_000


class Size(NamedTuple):
    """The average bytes of an event with this number of features, over 1,000 events."""

    features: int
    avro: float
    json: float
    avro_on_wire: float
    json_on_wire: float


def measure_sizes(brokers: str) -> list[Size]:
    """Run this module as a program."""
    return [Size(*each) for each in json.loads(run_to_end(make_command("sizes"), make_settings(brokers)).text)]


def _measure() -> list[Size]:
    """Measure the messages of the function's pipeline in both formats, for each number of features."""
    _, pipeline = importlib.import_module("feature_events.wiring").wire()
    schema = json.loads((ROOT / "schemas" / "feature_trigger.avsc").read_text())
    brokers = os.environ["KAFKA_BROKER_URL"]
    sizes = []
    for features in FEATURES:
        prepared = pipeline.prepare(make_stream_event(features, RECORDS).parse()["Records"], range(RECORDS))
        keys, avro = zip(*[(message.key, message.value) for message in prepared.messages.values()], strict=True)
        text = [_to_json(value[len(pipeline.encoder.prefix) :], schema) for value in avro]
        alone = _average(avro), _average(text)
        sizes.append(Size(features, *alone, _send(brokers, keys, avro), _send(brokers, keys, text)))
    return sizes


def _to_json(avro: bytes, schema: Any) -> bytes:  # noqa: ANN401  # fastavro has no type for it
    event = fastavro.schemaless_reader(BytesIO(avro), schema, None)
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _average(values: Sequence[bytes]) -> float:
    return sum(map(len, values)) / len(values)


def _send(brokers: str, keys: Sequence[bytes], values: Sequence[bytes]) -> float:
    """Return the bytes sent for each message, from librdkafka's statistics."""
    sent: list[int] = []

    def read(text: str) -> None:
        found: dict[str, Any] = json.loads(text)["brokers"]
        sent.append(sum(broker["txbytes"] for broker in found.values()))

    producer = Producer(
        {
            "bootstrap.servers": brokers,
            "compression.type": "zstd",
            "linger.ms": 60_000,
            "batch.size": 2**31 - 1,
            "batch.num.messages": 1_000_000,
            "statistics.interval.ms": 100,
            "stats_cb": read,
        }
    )
    producer.list_topics(TOPIC, timeout=10)
    producer.poll(0.5)  # until the connections have sent everything but messages
    before = _wait_for(producer, sent)
    for key, value in zip(keys, values, strict=True):
        producer.produce(TOPIC, value, key, partition=0)
    if producer.flush(20):
        raise RuntimeError("some messages were not delivered")
    return (_wait_for(producer, sent) - before) / len(values)


def _wait_for(producer: Producer, sent: list[int]) -> int:
    """Wait for the next statistics."""
    sent.clear()
    while not sent:
        producer.poll(1)
    return sent[-1]


def main() -> None:
    """Measure the sizes, and print them."""
    with silence():
        measured = _measure()
    print(json.dumps(measured))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
