"""A producer and nothing else, to compare releases of its library by."""

import os

from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKER_URL"]})
