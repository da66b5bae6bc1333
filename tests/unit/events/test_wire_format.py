"""What stands before the Avro says which schema it was written with."""

from feature_events.events.wire_format import to_confluent_prefix


def test_confluent_prefix__has_the_schemas_id() -> None:
    """One zero byte and the id in four bytes, big-endian, come before the Avro."""
    assert to_confluent_prefix(0x01020304) == bytes([0, 1, 2, 3, 4])
