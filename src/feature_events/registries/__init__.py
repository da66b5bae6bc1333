"""Find, check and register schemas in a Confluent-compatible registry or AWS Glue."""
