"""Messages in the wire format of AWS Glue, and what Glue answers when it is asked for their schema."""

from uuid import UUID

from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from local.environment import make_aws_environment
from tests.support.consumers import SentMessage, SentTopic
from tests.support.web_server import Answer, ScriptedServer

VERSION_ID = UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")
PREFIX = b"\x03\x00" + VERSION_ID.bytes
"""The wire format of AWS's library: its version, no compression, and the id of the schema version.

https://github.com/awslabs/aws-glue-schema-registry/blob/master/common/src/main/java/com/amazonaws/services/schemaregistry/utils/AWSSchemaRegistryConstants.java
"""
FOUND = Answer.of(
    200,
    {
        "SchemaVersionId": str(VERSION_ID),
        "SchemaDefinition": SHIPPED_SCHEMA,
        "DataFormat": "AVRO",
        "SchemaArn": "arn:aws:glue:us-east-1:123456789012:schema/registry/FEATURE_AVAILABILITY_EVENTS",
        "VersionNumber": 1,
        "Status": "AVAILABLE",
        "CreatedTime": "2025-10-10T12:34:56.789Z",
    },
)
NOT_FOUND = Answer.of(400, {"__type": "EntityNotFoundException", "Message": "Schema version is not found."})
SECRET = b"Personal-7731"
"""What a value holds that no error may show."""


def to_glue(message: SentMessage) -> SentMessage:
    """The message as it is where the registry is Glue: the same Avro behind another prefix."""
    return message._replace(value=PREFIX + to_avro(message))


def to_avro(message: SentMessage) -> bytes:
    """The bytes after the prefix of a message."""
    return message.value[len(to_confluent_prefix(0)) :]


def to_settings(sent: SentTopic, glue: ScriptedServer) -> dict[str, str]:
    """The environment variables of an example."""
    return {**sent.settings, **make_aws_environment(glue.url)}
