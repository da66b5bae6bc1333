"""How the function authenticates to Kafka."""
