"""The Java example with AWS Glue as the registry."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feature_events.events.message import to_confluent_prefix
from tests.consumers.conftest import FIRST_ID, make_messages, read_former_messages
from tests.consumers.glue_messages import NOT_FOUND, PREFIX, SECRET, VERSION_ID, make_settings, to_glue
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentTopic, by_key, prepare, run_example
from tests.support.web_server import ScriptedServer

pytestmark = pytest.mark.toolchain

NAME = "java-glue"


@pytest.fixture(scope="module", autouse=True)
def example() -> None:
    """Build the example."""
    prepare(NAME)


def test_java_glue__prints_what_was_sent(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """This includes messages of version 0.1.0. The schema version is requested once."""
    sent = send_all([to_glue(each) for each in (*read_former_messages(), *make_messages(1000))], partitions=4)
    printed = run_example(NAME, make_settings(sent, glue), len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)
    assert [each.body for each in glue.requests] == [{"SchemaVersionId": str(VERSION_ID)}]


@pytest.mark.parametrize(
    "value",
    [to_confluent_prefix(FIRST_ID) + SECRET, PREFIX + b"\x1a" + SECRET + b"\x7f"],
    ids=["Confluent's wire format", "invalid Avro"],
)
def test_java_glue__exits_at_an_invalid_value(
    value: bytes, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """The error names topic, partition and offset without the payload. Nothing from this offset on is committed."""
    first, second, third = map(to_glue, make_messages(3))
    sent = send_all([first, second, third._replace(value=value), third])
    ended = run_to_end(NAME, make_settings(sent, glue), tmp_path / "log")
    assert ended.status == 1
    assert ended.printed == [first.printed, second.printed]
    assert f"{sent.name} [0] offset 2 cannot be read: " in ended.log
    assert SECRET.decode() not in ended.log
    assert read_committed(sent.kafka, "example-java-glue", sent.name) == 2


def test_java_glue__exits_at_an_unknown_schema(
    send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """The error contains Glue's message."""
    sent = send_all([to_glue(each) for each in make_messages(1)])
    glue.script = [NOT_FOUND]
    ended = run_to_end(NAME, make_settings(sent, glue), tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert f"{sent.name} [0] offset 0 cannot be read: " in ended.log
    assert "Schema version is not found." in ended.log


def test_java_glue__reports_a_missing_setting(tmp_path: Path) -> None:
    """The error is one line."""
    ended = run_to_end(NAME, {"KAFKA_BROKER_URL": "127.0.0.1:1", "AWS_REGION": ""}, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == ["java.lang.IllegalArgumentException: AWS_REGION must be set"]
