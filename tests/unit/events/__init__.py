"""Events, their Avro and their messages."""
