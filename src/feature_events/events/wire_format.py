"""Says what stands before an event's Avro, by which consumers find the schema in their registry."""

from uuid import UUID

from feature_events.setting_values import SchemaId


def to_prefix(schema_id: SchemaId) -> bytes:
    """The wire-format prefix of the registry that gave this id."""
    return to_glue_prefix(schema_id) if isinstance(schema_id, UUID) else to_confluent_prefix(schema_id)


def to_confluent_prefix(schema_id: int) -> bytes:
    """One zero byte and the schema's id as four bytes, big-endian.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
    """
    return b"\0" + schema_id.to_bytes(4, "big")


def to_glue_prefix(version_id: UUID) -> bytes:
    """The format's version 3, one zero byte for no compression, and the 16 bytes of the schema version's UUID.

    https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
    """
    return b"\x03\0" + version_id.bytes
