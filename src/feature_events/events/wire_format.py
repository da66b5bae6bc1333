"""Says what stands before an event's Avro, by which consumers find the schema in their registry."""


def to_confluent_prefix(schema_id: int) -> bytes:
    """One zero byte and the schema's id as four bytes, big-endian.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
    """
    return b"\0" + schema_id.to_bytes(4, "big")
