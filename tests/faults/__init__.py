"""The real producer, when Kafka misbehaves."""
