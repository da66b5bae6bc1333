"""Tests with Kafka's faults, most of them from librdkafka's mock cluster."""
