"""Reads events in the wire format of AWS Glue, as AWS's own deserializers do: by the UUID of the schema's version.

AWS has deserializers for Java and .NET alone, so that a consumer in Python does what stands here.
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
"""The first byte of a value in this format; Confluent's begins with a zero byte."""
PREFIX_BYTES = 18


class GlueDeserializer:
    """Asks Glue for each version once."""

    def __init__(self, glue: "GlueClient") -> None:
        self._glue = glue
        self._schemas: dict[UUID, Any] = {}

    def __call__(self, value: bytes) -> Any:  # noqa: ANN401 -- whatever the schema says
        """The record in a message's value.

        Raises:
            SerializationError: it is compressed, Glue does not know its version, or it is no Avro of that.

        """
        if value[1:2] != b"\0" or len(value) < PREFIX_BYTES:
            raise SerializationError("the value is compressed, or it ends within its prefix")
        schema = self._find(UUID(bytes=value[2:PREFIX_BYTES]))
        try:
            return fastavro.schemaless_reader(BytesIO(value[PREFIX_BYTES:]), schema, None)
        except Exception as error:
            raise SerializationError(f"the value is not what its schema says: {error}") from error

    def _find(self, version: UUID) -> Any:  # noqa: ANN401 -- fastavro's own
        if version not in self._schemas:
            try:
                text = self._glue.get_schema_version(SchemaVersionId=str(version))["SchemaDefinition"]
            except (ClientError, BotoCoreError) as error:
                raise SerializationError(f"Glue has no schema version {version}: {error}") from error
            self._schemas[version] = fastavro.parse_schema(json.loads(text))
        return self._schemas[version]
