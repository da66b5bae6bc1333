"""Events, their Avro, their headers and their messages."""
