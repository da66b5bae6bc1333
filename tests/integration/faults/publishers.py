"""Create real publishers to a mock cluster."""

from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.support.mock_kafka import MockKafka

LONG, SHORT = 20.0, 1.0


def to_publisher(kafka: MockKafka, **properties: str | int) -> Publisher:
    """Create a publisher to this cluster. Underscores in property names stand for dots."""
    given = {name.replace("_", "."): value for name, value in properties.items()}
    return Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, **given})
