"""Authentication to Kafka and to the registry, the real ones: what is accepted, what is refused, what recovers."""
