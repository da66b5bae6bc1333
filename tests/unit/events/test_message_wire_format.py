"""What stands before the Avro says which schema it was written with."""

from uuid import UUID

from feature_events.events.message import to_confluent_prefix, to_glue_prefix, to_prefix


def test_confluent_prefix__has_the_schemas_id() -> None:
    """One zero byte and the id in four bytes, big-endian, come before the Avro."""
    assert to_confluent_prefix(0x01020304) == bytes([0, 1, 2, 3, 4])


def test_glue_prefix__has_the_versions_uuid() -> None:
    """A 3, a zero byte for no compression, and the UUID in sixteen bytes come before the Avro."""
    version = UUID("01020304-0506-0708-090a-0b0c0d0e0f10")
    assert to_glue_prefix(version) == bytes([3, 0, *range(1, 17)])


def test_prefix__is_that_of_the_ids_registry() -> None:
    """A number is of Confluent's interface, a UUID of Glue."""
    assert to_prefix(7) == to_confluent_prefix(7)
    assert to_prefix(UUID(int=7)) == to_glue_prefix(UUID(int=7))
