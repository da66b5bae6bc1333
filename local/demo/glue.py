"""Read events in the wire format of AWS Glue by the UUID of their schema version.

AWS provides deserializers only for Java and .NET, so a Python consumer needs code like this:
https://docs.aws.amazon.com/glue/latest/dg/schema-registry-integrations.html
"""

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID

import fastavro
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka.serialization import SerializationError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

VERSION = 3
"""The first byte of a value in this format. Confluent's format starts with a zero byte."""
PREFIX_BYTES = 18


class GlueDeserializer:
    """A deserializer that requests each schema version from Glue once."""

    def __init__(self, glue: "GlueClient") -> None:
        self._glue = glue
        self._schemas: dict[UUID, Any] = {}

    def __call__(self, value: bytes) -> Any:  # noqa: ANN401 -- the schema determines the type
        """Decode a message's value.

        Raises:
            SerializationError: the value is compressed, its schema version is unknown, or it does not match its schema.

        """
        if value[1:2] != b"\0" or len(value) < PREFIX_BYTES:
            raise SerializationError("the value is compressed or shorter than its prefix")
        schema = self._find(UUID(bytes=value[2:PREFIX_BYTES]))
        try:
            return fastavro.schemaless_reader(BytesIO(value[PREFIX_BYTES:]), schema, None)
        except Exception as error:
            raise SerializationError(f"the value does not match its schema: {error}") from error

    def _find(self, version: UUID) -> Any:  # noqa: ANN401 -- fastavro has no type for it
        if version not in self._schemas:
            try:
                text = self._glue.get_schema_version(SchemaVersionId=str(version))["SchemaDefinition"]
            except (ClientError, BotoCoreError) as error:
                raise SerializationError(f"Glue has no schema version {version}: {error}") from error
            self._schemas[version] = fastavro.parse_schema(json.loads(text))
        return self._schemas[version]
