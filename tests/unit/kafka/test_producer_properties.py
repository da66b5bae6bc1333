"""The properties that a deployer may change have defaults for a function."""

import json

from feature_events.kafka.producer_properties import to_properties
from feature_events.settings.settings import read_settings

LEAST = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}


def test_to_properties__find_new_partitions_within_a_minute() -> None:
    """Environments agree about an entity's partition a minute after partitions were added, or as the deployer says."""
    name = "topic.metadata.refresh.interval.ms"
    assert to_properties(read_settings(LEAST))[name] == 60_000
    environ = {**LEAST, "KAFKA_PROPERTIES": json.dumps({name: 10_000})}
    assert to_properties(read_settings(environ))[name] == 10_000
