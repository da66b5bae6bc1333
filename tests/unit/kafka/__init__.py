"""Tests of Kafka authentication, error handling and publishing."""
