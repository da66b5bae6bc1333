"""Measures how many bytes an event takes, in Avro and as compact JSON, alone and on the wire in a batch.

On the wire is what librdkafka sent of one record batch of 1,000 messages compressed by zstd, for each message: its key and
Kafka's own format included, headers not.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import Producer

from benchmarks.stream_events import to_stream_event
from benchmarks.throughput import FEATURES
from benchmarks.worker import SCHEMA_ID, TOPIC
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent, to_event
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.events.wire_format import to_confluent_prefix
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.layouts.table_layout import DEFAULT_LAYOUT
from feature_events.records.change import Change, read_change

RECORDS = 1_000


class Size(NamedTuple):
    """Bytes of one event with so many features, the mean of 1,000 events."""

    features: int
    avro: float
    json: float
    avro_on_wire: float
    json_on_wire: float


def measure_sizes(brokers: str) -> list[Size]:
    """Every number of features, both ways."""
    codec, prefix = Codec(SHIPPED_SCHEMA), to_confluent_prefix(SCHEMA_ID)
    sizes = []
    for features in FEATURES:
        events = _read_events(features)
        keys = [event.entity_id.encode() for event in events]
        avro = [prefix + codec.encode(event) for event in events]
        text = [_to_json(event) for event in events]
        alone = _to_mean(avro), _to_mean(text)
        sizes.append(Size(features, *alone, _send(brokers, keys, avro), _send(brokers, keys, text)))
    return sizes


def _read_events(features: int) -> list[FeatureAvailabilityEvent]:
    events = []
    for record in to_stream_event(features, RECORDS).parse()["Records"]:
        change = read_change(record)
        if isinstance(change, Change):
            entity = read_entity_features(change, DEFAULT_LAYOUT, "all")
            if isinstance(entity, EntityFeatures):
                events.append(to_event(entity, change))
    return events


def _to_json(event: FeatureAvailabilityEvent) -> bytes:
    return json.dumps(event._asdict(), separators=(",", ":"), ensure_ascii=False).encode()


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
