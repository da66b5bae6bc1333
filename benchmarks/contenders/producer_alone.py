"""A producer alone, to compare releases of its library."""

import os

from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKER_URL"]})
