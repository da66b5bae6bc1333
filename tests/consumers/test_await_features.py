"""The recipe that waits for several features of an entity."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from confluent_kafka import TopicPartition

from local.application.consumers import to_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import to_sent
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentMessage, prepare, run_example, send
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "await-features"
LONG_AGO = time.time() - 600
"""A backlog's time, which the clock has left behind."""


class Events:
    """Makes events, each with an id of its own."""

    def __init__(self) -> None:
        self._number = 0

    def make(self, entity: str, *features: str, written: float) -> SentMessage:
        """An event that names these features, written at this time."""
        self._number += 1
        message = to_sent(to_record(self._number, entity=entity, item=to_item(features)))
        return message._replace(timestamp_ms=round(written * 1000))


def told(outcome: str, entity: str, features: str, *messages: SentMessage) -> dict[str, Any]:
    """What the recipe prints of an entity."""
    about = {"entity_type": "bright_uid", "entity_id": entity, "features": list(features)}
    return {outcome: about, "events": sorted(each.event["event_id"] for each in messages)}


def test_await_features__tells_what_is_complete_and_what_is_not(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Repeats count once, the limit is that of the events' own times, and what comes late begins to wait again."""
    prepare(NAME)
    name, make = topic(), Events().make
    first = [make("u-1", "A", written=LONG_AGO), make("u-1", "B", "C", "other", written=LONG_AGO + 5)]
    second = [make("u-2", "A", written=LONG_AGO + 6), make("u-2", "B", written=LONG_AGO + 8)]
    third = [make("u-3", "C", written=LONG_AGO + 9)]
    unasked = make("u-4", "other", written=LONG_AGO + 100)
    late = [make("u-2", feature, written=LONG_AGO + 101) for feature in "CAB"]
    send(stack.kafka, name, [*first, *first, *second, *third, unasked, *second, *late])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A, B,C", "TIME_LIMIT": "60"}
    assert run_example(NAME, settings, 4, tmp_path / "log") == [
        told("complete", "u-1", "ABC", *first),
        told("incomplete", "u-2", "AB", *second),
        told("incomplete", "u-3", "C", *third),
        told("complete", "u-2", "ABC", *late),
    ]


def test_await_features__tells_by_the_clock_where_nothing_more_comes(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The last event of a topic does not have to wait for another one; told, it is committed."""
    name = topic()
    only = Events().make("u-1", "A", written=time.time())
    send(stack.kafka, name, [only])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A,B", "TIME_LIMIT": "1"}
    assert run_example(NAME, settings, 1, tmp_path / "log") == [told("incomplete", "u-1", "A", only)]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 1


def test_await_features__goes_on_after_a_restart(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """An entity that waits is read again with all that came since, of which some is told again; nothing is lost."""
    name, make, now = topic(), Events().make, time.time()
    waits, whole = make("u-1", "A", written=now), make("u-2", "A", "B", written=now)
    send(stack.kafka, name, [waits, whole])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A,B"}
    assert run_example(NAME, settings, 1, tmp_path / "log") == [told("complete", "u-2", "AB", whole)]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 0
    last = make("u-1", "B", written=now)
    send(stack.kafka, name, [last])
    assert run_example(NAME, settings, 2, tmp_path / "again") == [
        told("complete", "u-2", "AB", whole),
        told("complete", "u-1", "AB", waits, last),
    ]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 3


def to_read(sent: SentMessage, partition: int, offset: int) -> Mock:
    """The message as the consumer returns it."""
    message = Mock(error=Mock(return_value=None))
    message.topic.return_value, message.partition.return_value, message.offset.return_value = "T", partition, offset
    message.timestamp.return_value = (1, sent.timestamp_ms)
    message.value.return_value = sent.event  # decoded already
    return message


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401  # of the example's module
    """The recipe's process, which keeps three entities and three ids."""
    program = load(monkeypatch, NAME, "await_features")
    monkeypatch.setattr(program, "MOST_WAITING", 3)
    monkeypatch.setattr(program, "REMEMBERED", 3)
    return program.Waiting(Mock(), lambda value, _: value, frozenset("AB"), 60.0)


def read_printed(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """What the recipe has printed since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def read(waiting: Any, *messages: Mock) -> None:  # noqa: ANN401  # of the example's module
    """Let the process read these messages."""
    for each in messages:
        waiting._consumer.poll.return_value = each  # noqa: SLF001  # its consumer, which is a mock
        waiting.poll()


def stored(waiting: Any) -> dict[int, int]:  # noqa: ANN401  # of the example's module
    """The last offset to commit of each partition."""
    calls = waiting._consumer.store_offsets.call_args_list  # noqa: SLF001  # its consumer, which is a mock
    return {each.partition: each.offset for call in calls for each in call.kwargs["offsets"]}


def test_waiting__keeps_no_more_than_its_most_in_all_partitions(
    waiting: Any,  # noqa: ANN401  # of the example's module
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The oldest entity of the process is told as if its limit had passed, and no longer keeps its offset back."""
    make = Events().make
    messages = [make(f"u-{number}", "A", written=LONG_AGO + number) for number in range(8)]
    read(waiting, *(to_read(each, number % 4, number // 4) for number, each in enumerate(messages)))
    assert read_printed(capsys) == [told("incomplete", f"u-{number}", "A", messages[number]) for number in range(5)]
    assert stored(waiting) == {0: 2, 1: 1, 2: 1, 3: 1}
    assert len(waiting._seen._ids) == 3  # noqa: SLF001  # what must not grow


def test_waiting__reads_again_what_it_gave_away(
    waiting: Any,  # noqa: ANN401  # of the example's module
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A partition that comes back is read from an earlier offset: its events are then no repeats; others' still are."""
    make = Events().make
    one, two, other = (make(*each, written=LONG_AGO) for each in (("u-1", "A"), ("u-1", "B"), ("u-2", "A")))
    read(waiting, to_read(one, 0, 0), to_read(other, 1, 0))
    waiting.forget(None, [TopicPartition("T", 0)])
    read(waiting, to_read(one, 0, 0), to_read(other, 1, 1), to_read(two, 0, 1))
    assert read_printed(capsys) == [told("complete", "u-1", "AB", one, two)]
    assert stored(waiting) == {0: 2, 1: 0}


def test_await_features__refuses_a_limit_that_is_no_number(tmp_path: Path) -> None:
    """One line says what it must be."""
    settings = to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, "FEATURES": "A", "TIME_LIMIT": "1h"}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["TIME_LIMIT must be a number of seconds"])
