"""Faults of Kafka, from librdkafka's own broker."""
