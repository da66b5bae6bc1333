"""The examples in Java, Node and Go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from feature_events.events.wire_format import to_confluent_prefix
from local.application.consumers import to_consumer_settings
from local.servers.stack import Stack
from tests.consumers.conftest import FIRST_ID, to_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentTopic, by_key, prepare, run_example, send

UNKNOWN_ID = 424242
SECRET = b"Personal-7731"
"""What a value holds that no error may show."""


@pytest.fixture(scope="module", params=["go", "java", "node"])
def example(request: pytest.FixtureRequest) -> str:
    """An example that is ready to run."""
    prepare(request.param)
    return str(request.param)


def test_example__prints_what_was_sent(example: str, sent: SentTopic, tmp_path: Path) -> None:
    """Each message of today and of version 0.1.0 once, field by field, each entity's in order; all are committed."""
    printed = run_example(example, sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)
    committed = [read_committed(sent.kafka, f"example-{example}", sent.name, each) for each in range(4)]
    assert sum(max(each, 0) for each in committed) == len(sent.messages), "the next run would print some of them again"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(SECRET, "", id="no wire format"),
        pytest.param(to_confluent_prefix(UNKNOWN_ID) + SECRET, str(UNKNOWN_ID), id="unknown schema"),
        pytest.param(to_confluent_prefix(FIRST_ID) + b"\x1a" + SECRET + b"\x7f", "", id="cut off"),
        pytest.param(None, "", id="no value"),
    ],
)
def test_example__ends_at_what_it_cannot_read(  # noqa: PLR0913  # five are fixtures and parameters
    *,
    value: bytes | None,
    reason: str,
    example: str,
    stack: Stack,
    topic: Callable[..., str],
    registry: str,
    tmp_path: Path,
) -> None:
    """It names topic, partition and offset, and shows no payload; nothing from there on is committed."""
    name = topic()
    first, second, third = to_messages(3)
    bad = third._replace(value=value)  # type: ignore[arg-type]  # no message of ours is without a value
    send(stack.kafka, name, [first, second, bad, third])
    ended = run_to_end(example, to_consumer_settings(stack.kafka, registry, name), tmp_path / "log")
    assert ended.status == 1
    assert ended.printed == [first.printed, second.printed]
    assert f"{name} [0] offset 2 cannot be read: " in ended.log
    assert reason in ended.log
    assert SECRET.decode() not in ended.log
    assert read_committed(stack.kafka, f"example-{example}", name) <= 2


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_example__names_a_missing_setting(missing: str, example: str, tmp_path: Path) -> None:
    """One line says which setting is missing."""
    settings = {**to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), missing: ""}
    ended = run_to_end(example, settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    [line] = ended.log.splitlines()
    assert line.endswith(f"{missing} must be set")
