"""Makes the producer's librdkafka properties from the settings.

Three layers stand in one place, so that it shows who may change what: a deployer changes the defaults by
KAFKA_PROPERTIES, the settings decide their own, and the fixed ones hold whatever anybody asks for.
"""

from feature_events.settings.kafka_properties import Properties
from feature_events.settings.settings import Settings

DEFAULTS: Properties = {
    "client.id": "feature-events",
    # AWS's advice for MSK: requests of 10 s or more, retries 200 ms or more apart
    "socket.timeout.ms": 10_000,
    "request.timeout.ms": 10_000,
    "retry.backoff.ms": 200,
    # Authenticating takes four of the broker's answers and those of TLS, each of which may be late
    "socket.connection.setup.timeout.ms": 10_000,
    # A frozen environment outlives its connections: find out soon, come back soon
    "socket.keepalive.enable": "true",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    # A warm environment sees new partitions after this time, and one that starts immediately. Until then both write the
    # events of one entity to different partitions. librdkafka's default is five minutes.
    "topic.metadata.refresh.interval.ms": 60_000,
    # A producer is used after its topic was found, so a topic that is unknown later was deleted. By default librdkafka
    # waits up to 30 s after the first use, because the topic may be new.
    "topic.metadata.propagation.max.ms": 1_000,
    "queue.buffering.max.kbytes": 65_536,
    # What a broker's own defaults take as one record batch
    "message.max.bytes": 1_000_000,
    # Reasons come by error_cb; the same again as text on stderr would not be JSON
    "log_level": 0,
}
"""What KAFKA_PROPERTIES may change; the defaults of librdkafka suit no function."""

FIXED: Properties = {
    "acks": "all",
    "enable.idempotence": "true",
    "partitioner": "murmur2_random",  # as Java's clients, so that their streams co-partition
    "linger.ms": 900_000,
    "batch.size": 2_147_483_647,
    "batch.num.messages": 1_000_000,
    "message.timeout.ms": 0,
}
"""What the order of events stands on (see `publisher`); `kafka_properties` refuses each of them."""


def to_properties(settings: Settings) -> Properties:
    """The properties that the settings ask for; the publisher adds the fixed ones."""
    return {
        **DEFAULTS,
        **settings.kafka_properties,
        "bootstrap.servers": settings.brokers,
        "compression.type": settings.compression,
        # Brokers make a topic when a producer asks for it (auto.create.topics.enable, Kafka's default): a mistyped
        # TOPIC_NAME would become a topic that nobody reads. librdkafka's own broker has no topics but those.
        "allow.auto.create.topics": "true" if settings.is_embedded else "false",
    }
