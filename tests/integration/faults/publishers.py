"""The real publisher to a mock cluster, and how long its tests wait."""

from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.support.mock_kafka import MockKafka

LONG, SHORT = 20.0, 1.0


def to_publisher(kafka: MockKafka, **properties: str | int) -> Publisher:
    """The real publisher to this cluster."""
    given = {name.replace("_", "."): value for name, value in properties.items()}
    return Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, **given})
