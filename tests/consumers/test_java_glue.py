"""The example in Java with AWS's Glue Schema Registry."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.events.wire_format import to_confluent_prefix
from local.environment import to_aws_environment
from local.servers.stack import Stack
from tests.consumers.conftest import FIRST_ID, read_former_messages, to_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example, send
from tests.support.web_server import Answer, ScriptedServer, run_scripted_server

NAME = "java-glue"
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


@pytest.fixture(scope="module", autouse=True)
def example() -> None:
    """The example is ready to run."""
    prepare(NAME)


@pytest.fixture
def glue() -> Iterator[ScriptedServer]:
    """A Glue that knows one schema version."""
    with run_scripted_server() as server:
        server.script = [FOUND]
        yield server


@pytest.fixture
def send_all(stack: Stack, topic: Callable[..., str]) -> Callable[..., SentTopic]:
    """Makes a topic with these messages."""

    def make(messages: list[SentMessage], partitions: int = 1) -> SentTopic:
        name = topic(partitions)
        send(stack.kafka, name, messages)
        return SentTopic(stack.kafka, "glue", name, tuple(messages))

    return make


def to_glue(message: SentMessage) -> SentMessage:
    """The message as it is where the registry is Glue: the same Avro behind another prefix."""
    return message._replace(value=PREFIX + message.value.removeprefix(to_confluent_prefix(FIRST_ID)))


def to_settings(sent: SentTopic, glue: ScriptedServer) -> dict[str, str]:
    """The environment variables of the example."""
    return {**sent.settings, **to_aws_environment(glue.url)}


def test_java_glue__prints_what_was_sent(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """A thousand messages and those of version 0.1.0, field by field; Glue is asked once, for the schema version."""
    sent = send_all([to_glue(each) for each in (*read_former_messages(), *to_messages(1000))], partitions=4)
    printed = run_example(NAME, to_settings(sent, glue), len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)
    assert [each.body for each in glue.requests] == [{"SchemaVersionId": str(VERSION_ID)}]


@pytest.mark.parametrize(
    "value",
    [to_confluent_prefix(FIRST_ID) + SECRET, PREFIX + b"\x1a" + SECRET + b"\x7f"],
    ids=["Confluent's wire format", "broken Avro"],
)
def test_java_glue__ends_at_a_value_that_it_cannot_read(
    value: bytes, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """It names topic, partition and offset, and shows no payload; nothing from there on is committed."""
    first, second, third = map(to_glue, to_messages(3))
    sent = send_all([first, second, third._replace(value=value), third])
    ended = run_to_end(NAME, to_settings(sent, glue), tmp_path / "log")
    assert ended.status == 1
    assert ended.printed == [first.printed, second.printed]
    assert f"{sent.name} [0] offset 2 cannot be read: " in ended.log
    assert SECRET.decode() not in ended.log
    assert read_committed(sent.kafka, "example-java-glue", sent.name) == 2


def test_java_glue__ends_at_a_schema_that_glue_does_not_know(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """Glue's own reason is shown."""
    sent = send_all([to_glue(each) for each in to_messages(1)])
    glue.script = [NOT_FOUND]
    ended = run_to_end(NAME, to_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert f"{sent.name} [0] offset 0 cannot be read: " in ended.log
    assert "Schema version is not found." in ended.log


def test_java_glue__names_a_missing_setting(tmp_path: Path) -> None:
    """One line says which setting is missing."""
    ended = run_to_end(NAME, {"KAFKA_BROKER_URL": "127.0.0.1:1", "AWS_REGION": ""}, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == ["java.lang.IllegalArgumentException: AWS_REGION must be set"]
