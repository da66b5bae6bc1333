"""The Python example with AWS Glue as the registry."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_events.events.message import to_confluent_prefix
from tests.consumers.conftest import FIRST_ID, make_messages, read_former_messages
from tests.consumers.glue_messages import NOT_FOUND, PREFIX, SECRET, VERSION_ID, make_settings, to_avro, to_glue
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example
from tests.support.web_server import Answer, ScriptedServer

NAME = "python"
ACCESS_DENIED = Answer.of(400, {"__type": "AccessDeniedException", "Message": "not authorized"})
REASON = "An error occurred (AccessDeniedException) when calling the GetSchemaVersion operation: not authorized"


@pytest.fixture(scope="module", autouse=True)
def example() -> None:
    """Prepare the example."""
    prepare(NAME)


def to_compressed(message: SentMessage) -> SentMessage:
    """Convert a message to Glue's wire format with zlib, as AWS's serializer does."""
    return message._replace(value=b"\x03\x05" + VERSION_ID.bytes + zlib.compress(to_avro(message)))


def test_python__reads_glues_wire_format(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """This includes compressed messages and those of version 0.1.0. The schema version is requested once."""
    messages = [*read_former_messages(), *make_messages(50)]
    written = [(to_glue, to_compressed)[number % 2](each) for number, each in enumerate(messages)]
    sent = send_all(written, partitions=4)
    printed = run_example(NAME, make_settings(sent, glue), len(messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in messages)
    assert [each.body for each in glue.requests] == [{"SchemaVersionId": str(VERSION_ID)}]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (to_confluent_prefix(FIRST_ID) + SECRET, "the value is not in AWS Glue's wire format"),
        (b"\x03\x00short", "the value is not in AWS Glue's wire format"),
        (b"", "the value is not in AWS Glue's wire format"),
        (PREFIX + b"\x1a" + SECRET + b"\x7f", "UnicodeDecodeError|EOFError|IndexError|ValueError"),
        (b"\x03\x05" + VERSION_ID.bytes + SECRET, "error"),
    ],
    ids=["Confluent's wire format", "truncated", "empty", "invalid Avro", "invalid zlib"],
)
def test_python__exits_at_an_invalid_value(
    *, value: bytes, reason: str, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """The error names topic, partition and offset without the payload. Nothing from this offset on is committed."""
    first, second, third = map(to_glue, make_messages(3))
    sent = send_all([first, second, third._replace(value=value), third])
    ended = run_to_end(NAME, make_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [first.printed, second.printed])
    place = f"{sent.name} [0] offset 2 cannot be read: "
    assert ended.log.startswith(place)
    assert ended.log.removeprefix(place).rstrip() in reason.split("|")
    assert SECRET.decode() not in ended.log
    assert read_committed(sent.kafka, f"example-{NAME}", sent.name) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (NOT_FOUND, f"{{}} [0] offset 0 cannot be read: AWS Glue has no schema version {VERSION_ID}"),
        (ACCESS_DENIED, f"AWS Glue unavailable ({REASON}); restart this program to retry the message"),
    ],
    ids=["unknown schema version", "access denied"],
)
def test_python__distinguishes_an_unknown_schema_from_an_unavailable_registry(
    *, answer: Answer, error: str, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """Nothing is committed in either case."""
    sent = send_all([to_glue(each) for each in make_messages(1)])
    glue.script = [answer]
    ended = run_to_end(NAME, make_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [error.format(sent.name)]
    assert read_committed(sent.kafka, f"example-{NAME}", sent.name) < 0


def test_python__reports_a_missing_region(tmp_path: Path) -> None:
    """The error is one line with botocore's message."""
    settings = {"KAFKA_BROKER_URL": "127.0.0.1:1", "SCHEMA_REGISTRY": "glue"}
    ended = run_to_end(NAME, settings, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["AWS: You must specify a region."])
