"""Ways to sign in to Kafka and to the registry, against the real ones: what lets in, what does not, what recovers."""
