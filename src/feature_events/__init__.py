"""Turns each write to a feature store's DynamoDB table into a FeatureAvailabilityEvent on Kafka."""
