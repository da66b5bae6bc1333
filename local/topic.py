"""The Kafka topic of the events."""

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
PARTITIONS = 4
LIMIT = 30.0


def create_topic(bootstrap: str, name: str = TOPIC, partitions: int = PARTITIONS) -> None:
    """Makes the topic, on as many brokers as the cluster asks for by default; it must not exist."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    made = admin.create_topics([NewTopic(name, num_partitions=partitions)], operation_timeout=LIMIT)
    made[name].result(LIMIT)
