"""Messages in the wire format of AWS Glue, and Glue's responses to requests for their schema."""

from uuid import UUID

from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from local.environment import make_aws_environment
from tests.support.consumers import SentMessage, SentTopic
from tests.support.web_server import Answer, ScriptedServer

VERSION_ID = UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")
PREFIX = b"\x03\x00" + VERSION_ID.bytes
"""The prefix of AWS's library: the version of the format, no compression, and the id of the schema version.

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
"""A part of a value that errors must not contain."""


def to_glue(message: SentMessage) -> SentMessage:
    """Convert a message to Glue's wire format: the same Avro with another prefix."""
    return message._replace(value=PREFIX + to_avro(message))


def to_avro(message: SentMessage) -> bytes:
    """Return the Avro in a message's value."""
    return message.value[len(to_confluent_prefix(0)) :]


def make_settings(sent: SentTopic, glue: ScriptedServer) -> dict[str, str]:
    """Make the environment variables of an example."""
    return {**sent.settings, **make_aws_environment(glue.url)}
