"""Producer properties have defaults that suit a function, and a deployer can override them."""

import json

from feature_events.kafka.producer import to_producer_properties
from feature_events.settings.settings import read_settings

LEAST = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}


def test_to_producer_properties__refresh_metadata_every_minute() -> None:
    """By default, all environments use added partitions after a minute."""
    name = "topic.metadata.refresh.interval.ms"
    assert to_producer_properties(read_settings(LEAST))[name] == 60_000
    environ = {**LEAST, "KAFKA_PROPERTIES": json.dumps({name: 10_000})}
    assert to_producer_properties(read_settings(environ))[name] == 10_000
