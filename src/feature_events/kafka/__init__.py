"""Kafka: connected, authenticated, and produced to."""
