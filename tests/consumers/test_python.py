"""The Python example."""

from collections.abc import Callable
from pathlib import Path

from local.application.consumers import to_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import to_messages
from tests.support.consumer_failures import read_committed
from tests.support.consumers import SentTopic, by_key, prepare, run_example, send


def test_python__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """Each message of today and of version 0.1.0 once, field by field, and each entity's in order."""
    prepare("python")
    printed = run_example("python", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)


def test_python__prints_a_repeated_event_once(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """What Kafka has twice is printed once; and started again, it goes on behind what it has printed."""
    name = topic()
    settings = to_consumer_settings(stack.kafka, registry, name)
    first, second, third, fourth = to_messages(4)
    send(stack.kafka, name, [first, second, first, second, third, third, fourth])
    printed = run_example("python", settings, 4, tmp_path / "log")
    assert printed == [each.printed for each in (first, second, third, fourth)]
    assert read_committed(stack.kafka, "example-python", name) == 7
    *_, fifth = to_messages(5)
    send(stack.kafka, name, [fifth])
    assert run_example("python", settings, 1, tmp_path / "again") == [fifth.printed]
