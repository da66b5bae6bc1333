"""Tests of authentication with real Kafka and a real registry."""
