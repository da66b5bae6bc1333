"""Turns each write to a feature store's DynamoDB table into a FeatureAvailabilityEvent on Kafka."""

VERSION = "0.2.0"
"""The version in pyproject.toml, for logs and Kafka's client id."""
