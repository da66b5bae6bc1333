"""The Python example with AWS Glue as the registry."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_events.events.message import to_confluent_prefix
from tests.consumers.conftest import FIRST_ID, read_former_messages, to_messages
from tests.consumers.glue_messages import NOT_FOUND, PREFIX, SECRET, VERSION_ID, to_avro, to_glue, to_settings
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example
from tests.support.web_server import Answer, ScriptedServer

NAME = "python"
NO_RIGHTS = Answer.of(400, {"__type": "AccessDeniedException", "Message": "not authorized"})
REFUSED = "An error occurred (AccessDeniedException) when calling the GetSchemaVersion operation: not authorized"


@pytest.fixture(scope="module", autouse=True)
def example() -> None:
    """The example is ready to run."""
    prepare(NAME)


def to_compressed(message: SentMessage) -> SentMessage:
    """The message as AWS's serializer writes it with zlib."""
    return message._replace(value=b"\x03\x05" + VERSION_ID.bytes + zlib.compress(to_avro(message)))


def test_python__reads_glues_wire_format(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """Messages of today and of version 0.1.0, some compressed; Glue is asked once, for the schema version."""
    messages = [*read_former_messages(), *to_messages(50)]
    written = [(to_glue, to_compressed)[number % 2](each) for number, each in enumerate(messages)]
    sent = send_all(written, partitions=4)
    printed = run_example(NAME, to_settings(sent, glue), len(messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in messages)
    assert [each.body for each in glue.requests] == [{"SchemaVersionId": str(VERSION_ID)}]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (to_confluent_prefix(FIRST_ID) + SECRET, "its value is not in AWS Glue's wire format"),
        (b"\x03\x00short", "its value is not in AWS Glue's wire format"),
        (b"", "its value is not in AWS Glue's wire format"),
        (PREFIX + b"\x1a" + SECRET + b"\x7f", "UnicodeDecodeError|EOFError|IndexError|ValueError"),
        (b"\x03\x05" + VERSION_ID.bytes + SECRET, "error"),
    ],
    ids=["Confluent's wire format", "cut off", "empty", "broken Avro", "broken zlib"],
)
def test_python__ends_at_a_value_that_is_not_glues(
    *, value: bytes, reason: str, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """It names topic, partition and offset, and shows no payload; nothing from there on is committed."""
    first, second, third = map(to_glue, to_messages(3))
    sent = send_all([first, second, third._replace(value=value), third])
    ended = run_to_end(NAME, to_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [first.printed, second.printed])
    told = f"{sent.name} [0] offset 2 cannot be read: "
    assert ended.log.startswith(told)
    assert ended.log.removeprefix(told).rstrip() in reason.split("|")
    assert SECRET.decode() not in ended.log
    assert read_committed(sent.kafka, f"example-{NAME}", sent.name) == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (NOT_FOUND, f"{{}} [0] offset 0 cannot be read: AWS Glue has no schema version {VERSION_ID}"),
        (
            NO_RIGHTS,
            f"AWS Glue did not answer ({REFUSED}); nothing is wrong with the message",
        ),
    ],
    ids=["unknown", "no rights"],
)
def test_python__tells_an_unknown_schema_from_a_glue_that_refuses(
    *, answer: Answer, told: str, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """Only the first is the message's fault; either way nothing is committed."""
    sent = send_all([to_glue(each) for each in to_messages(1)])
    glue.script = [answer]
    ended = run_to_end(NAME, to_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [told.format(sent.name)]
    assert read_committed(sent.kafka, f"example-{NAME}", sent.name) < 0


def test_python__names_a_missing_region(tmp_path: Path) -> None:
    """In one line, as botocore says it."""
    settings = {"KAFKA_BROKER_URL": "127.0.0.1:1", "SCHEMA_REGISTRY": "glue"}
    ended = run_to_end(NAME, settings, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["AWS: You must specify a region."])
