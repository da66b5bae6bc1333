"""Measures how many bytes an event takes, in Avro and as compact JSON, alone and on the wire in a batch.

A program, under the function's settings. On the wire is what librdkafka sent of one record batch of 1,000 messages
compressed by zstd, for each message: its key and Kafka's own format included, headers not.
"""

import importlib
import json
import os
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import Producer

from benchmarks.programs import run_to_end, silence, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.throughput import FEATURES
from benchmarks.worker import TOPIC, to_settings
from local.paths import ROOT

RECORDS = 1_000


class Size(NamedTuple):
    """Bytes of one event with so many features, the mean of 1,000 events."""

    features: int
    avro: float
    json: float
    avro_on_wire: float
    json_on_wire: float


def measure_sizes(brokers: str) -> list[Size]:
    """Runs this module as a program."""
    return [Size(*each) for each in json.loads(run_to_end(to_command("sizes"), to_settings(brokers)).text)]


def _measure() -> list[Size]:
    """Every number of features, both ways, of the messages that the function's own pipeline makes."""
    _, pipeline = importlib.import_module("feature_events.wiring").wire()
    schema = json.loads((ROOT / "schemas" / "feature_trigger.avsc").read_text())
    brokers = os.environ["KAFKA_BROKER_URL"]
    sizes = []
    for features in FEATURES:
        prepared = pipeline.prepare(to_stream_event(features, RECORDS).parse()["Records"], range(RECORDS))
        keys, avro = zip(*[(message.key, message.value) for message in prepared.messages.values()], strict=True)
        text = [_to_json(value[len(pipeline.encoder.prefix) :], schema) for value in avro]
        alone = _to_mean(avro), _to_mean(text)
        sizes.append(Size(features, *alone, _send(brokers, keys, avro), _send(brokers, keys, text)))
    return sizes


def _to_json(avro: bytes, schema: Any) -> bytes:  # noqa: ANN401  # fastavro's own
    event = fastavro.schemaless_reader(BytesIO(avro), schema, None)
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _to_mean(values: Sequence[bytes]) -> float:
    return sum(map(len, values)) / len(values)


def _send(brokers: str, keys: Sequence[bytes], values: Sequence[bytes]) -> float:
    """Bytes sent for each message, by librdkafka's own statistics."""
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
    producer.poll(0.5)  # until the connections have said all that is not a message
    before = _wait_for(producer, sent)
    for key, value in zip(keys, values, strict=True):
        producer.produce(TOPIC, value, key, partition=0)
    if producer.flush(20):
        raise RuntimeError("not every message was delivered")
    return (_wait_for(producer, sent) - before) / len(values)


def _wait_for(producer: Producer, sent: list[int]) -> int:
    """The next statistics."""
    sent.clear()
    while not sent:
        producer.poll(1)
    return sent[-1]


def main() -> None:
    """Measures, and prints."""
    with silence():
        measured = _measure()
    print(json.dumps(measured))  # noqa: T201  # it is what the program is for


if __name__ == "__main__":
    main()
