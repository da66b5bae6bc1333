"""The event, its Avro and its message."""
