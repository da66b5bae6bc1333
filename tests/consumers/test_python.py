"""The Python example."""

from collections.abc import Callable
from pathlib import Path

from local.application.consumers import make_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_messages
from tests.support.consumer_failures import read_committed
from tests.support.consumers import SentTopic, by_key, prepare, run_example, send


def test_python__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """This includes messages of version 0.1.0. Each entity's events are printed in order."""
    prepare("python")
    printed = run_example("python", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)


def test_python__prints_duplicates_once(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """After a restart it continues with the next event."""
    name = topic()
    settings = make_consumer_settings(stack.kafka, registry, name)
    first, second, third, fourth = make_messages(4)
    send(stack.kafka, name, [first, second, first, second, third, third, fourth])
    printed = run_example("python", settings, 4, tmp_path / "log")
    assert printed == [each.printed for each in (first, second, third, fourth)]
    assert read_committed(stack.kafka, "example-python", name) == 7
    *_, fifth = make_messages(5)
    send(stack.kafka, name, [fifth])
    assert run_example("python", settings, 1, tmp_path / "again") == [fifth.printed]
