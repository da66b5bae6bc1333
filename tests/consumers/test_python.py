"""The Python example."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.application.consumers import to_consumer_settings
from local.servers.stack import Stack
from tests.consumers.conftest import FIRST_ID, to_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentTopic, by_key, prepare, run_example, send

GROUP = "example-python"
BAD_VALUES = {
    "another format": b'{"card": "4111111111111111"}',
    "a schema that nobody has registered": b"\x00\x00\x00\x27\x0f" + b"secret-payload",
    "cut off": b"\x00" + FIRST_ID.to_bytes(4) + b"\x48secret-payload",
}


def test_python__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """Each message of today and of version 0.1.0 once, field by field, and each entity's in order."""
    prepare("python")
    printed = run_example("python", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)


def test_python__prints_a_repeated_event_once(
    stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """What Kafka has twice is printed once; and started again, it goes on behind what it has printed."""
    name = topic()
    settings = to_consumer_settings(stack.kafka, registry, name)
    first, second, third, fourth = to_messages(4)
    send(stack.kafka, name, [first, second, first, second, third, third, fourth])
    printed = run_example("python", settings, 4, tmp_path / "log")
    assert printed == [each.printed for each in (first, second, third, fourth)]
    assert read_committed(stack.kafka, GROUP, name) == 7
    *_, fifth = to_messages(5)
    send(stack.kafka, name, [fifth])
    assert run_example("python", settings, 1, tmp_path / "again") == [fifth.printed]


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES)
def test_python__ends_at_what_it_cannot_read(
    stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path, value: bytes
) -> None:
    """It says where, never what; nothing from there on is committed, so nothing is lost."""
    name = topic()
    good, bad, behind = to_messages(3)
    send(stack.kafka, name, [good, bad._replace(value=value), behind])
    ended = run_to_end("python", to_consumer_settings(stack.kafka, registry, name), tmp_path / "log")
    assert ended.status == 1
    assert ended.printed == [good.printed]
    assert f"{name} [0] offset 1 cannot be read: " in ended.log
    assert "Traceback" not in ended.log
    assert "secret" not in ended.log
    assert "4111" not in ended.log
    assert read_committed(stack.kafka, GROUP, name) == 1


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_python__names_a_missing_setting(tmp_path: Path, missing: str) -> None:
    """One line says which setting is missing."""
    settings = {**to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), missing: ""}
    ended = run_to_end("python", settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [f"{missing} is missing: set it in the environment"]
