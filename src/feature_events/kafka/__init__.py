"""Connect to Kafka, authenticate, and produce messages."""
