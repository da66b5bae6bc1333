"""The example that waits for several features of an entity."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from confluent_kafka import TopicPartition

from local.application.consumers import make_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_message, make_removal, make_unknown, replace_fields
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import SentMessage, prepare, run_example, send
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "await-features"
LONG_AGO = time.time() - 600
"""A time in the past, for messages of a backlog."""


class Events:
    """Makes events with unique ids."""

    def __init__(self) -> None:
        self._number = 0

    def make(self, entity: str, *features: str, written: float) -> SentMessage:
        """Make an event with these features, written at this time."""
        self._number += 1
        message = make_message(to_record(self._number, entity=entity, item=to_item(features)))
        return message._replace(timestamp_ms=round(written * 1000))


def make_line(outcome: str, entity: str, features: str, *messages: SentMessage) -> dict[str, Any]:
    """Make the line that the example prints for an entity."""
    found = {"entity_type": "bright_uid", "entity_id": entity, "features": list(features)}
    return {outcome: found, "events": sorted(each.event["event_id"] for each in messages)}


def test_await_features__prints_complete_and_incomplete_entities(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Duplicates count once, the time limit uses the events' times, and a late event starts a new wait."""
    prepare(NAME)
    name, make = topic(), Events().make
    first = [make("u-1", "A", written=LONG_AGO), make("u-1", "B", "C", "other", written=LONG_AGO + 5)]
    second = [make("u-2", "A", written=LONG_AGO + 6), make("u-2", "B", written=LONG_AGO + 8)]
    third = [make("u-3", "C", written=LONG_AGO + 9)]
    irrelevant = make("u-4", "other", written=LONG_AGO + 100)
    late = [make("u-2", feature, written=LONG_AGO + 101) for feature in "CAB"]
    send(stack.kafka, name, [*first, *first, *second, *third, irrelevant, *second, *late])
    settings = make_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A, B,C", "TIME_LIMIT": "60"}
    assert run_example(NAME, settings, 4, tmp_path / "log") == [
        make_line("complete", "u-1", "ABC", *first),
        make_line("incomplete", "u-2", "AB", *second),
        make_line("incomplete", "u-3", "C", *third),
        make_line("complete", "u-2", "ABC", *late),
    ]


def test_await_features__expires_entities_by_the_clock_at_the_end(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The last event of a topic needs no later event, and is committed once it has expired."""
    name = topic()
    only = Events().make("u-1", "A", written=time.time())
    send(stack.kafka, name, [only])
    settings = make_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A,B", "TIME_LIMIT": "1"}
    assert run_example(NAME, settings, 1, tmp_path / "log") == [make_line("incomplete", "u-1", "A", only)]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 1


def test_await_features__resumes_after_a_restart(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """A restart reads a waiting entity and all later messages again. Some lines are repeated, but none is lost."""
    name, make, now = topic(), Events().make, time.time()
    waiting, complete = make("u-1", "A", written=now), make("u-2", "A", "B", written=now)
    send(stack.kafka, name, [waiting, complete])
    settings = make_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A,B"}
    assert run_example(NAME, settings, 1, tmp_path / "log") == [make_line("complete", "u-2", "AB", complete)]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 0
    last = make("u-1", "B", written=now)
    send(stack.kafka, name, [last])
    assert run_example(NAME, settings, 2, tmp_path / "again") == [
        make_line("complete", "u-2", "AB", complete),
        make_line("complete", "u-1", "AB", waiting, last),
    ]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 3


def make_read(sent: SentMessage, partition: int, offset: int) -> Mock:
    """Make the message that the consumer returns."""
    message = Mock(error=Mock(return_value=None))
    message.topic.return_value, message.partition.return_value, message.offset.return_value = "T", partition, offset
    message.timestamp.return_value = (1, sent.timestamp_ms)
    message.headers.return_value = [(name, text.encode()) for name, text in sent.headers.items()]
    message.value.return_value = sent.event  # already decoded
    return message


@pytest.fixture
def consumer() -> Mock:
    """Return the consumer of the example."""
    return Mock()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, consumer: Mock) -> Any:  # noqa: ANN401  # a class of the example
    """Return the state of the example, with at most three waiting entities and three remembered ids."""
    program = load(monkeypatch, NAME, "await_features")
    monkeypatch.setattr(program, "MOST_WAITING", 3)
    monkeypatch.setattr(program, "REMEMBERED", 3)
    return program.Waiting(consumer, lambda value, _: value, frozenset("AB"), 60.0)


def read_printed(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Return the lines printed since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def read(waiting: Any, consumer: Mock, *messages: Mock) -> None:  # noqa: ANN401  # a class of the example
    """Make the example read these messages."""
    for each in messages:
        consumer.poll.return_value = each
        waiting.poll()


def find_stored(consumer: Mock) -> dict[int, int]:
    """Return the last stored offset of each partition."""
    calls = consumer.store_offsets.call_args_list
    return {each.partition: each.offset for call in calls for each in call.kwargs["offsets"]}


def test_waiting__limits_the_waiting_entities_of_all_partitions(
    waiting: Any,  # noqa: ANN401  # a class of the example
    consumer: Mock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beyond the limit, the oldest entity expires, and its offset is committed."""
    make = Events().make
    messages = [make(f"u-{number}", "A", written=LONG_AGO + number) for number in range(8)]
    read(waiting, consumer, *(make_read(each, number % 4, number // 4) for number, each in enumerate(messages)))
    assert read_printed(capsys) == [
        make_line("incomplete", f"u-{number}", "A", messages[number]) for number in range(5)
    ]
    assert find_stored(consumer) == {0: 2, 1: 1, 2: 1, 3: 1}


def test_waiting__accepts_events_of_a_reassigned_partition_again(
    waiting: Any,  # noqa: ANN401  # a class of the example
    consumer: Mock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A reassigned partition is read from an earlier offset. Duplicates in other partitions are still recognized."""
    make = Events().make
    one, two, other = (make(*each, written=LONG_AGO) for each in (("u-1", "A"), ("u-1", "B"), ("u-2", "A")))
    read(waiting, consumer, make_read(one, 0, 0), make_read(other, 1, 0))
    waiting.forget(None, [TopicPartition("T", 0)])
    read(waiting, consumer, make_read(one, 0, 0), make_read(other, 1, 1), make_read(two, 0, 1))
    assert read_printed(capsys) == [make_line("complete", "u-1", "AB", one, two)]
    assert find_stored(consumer) == {0: 2, 1: 0}


class Source:
    """Makes the example read events of one entity, and returns the lines that it prints."""

    def __init__(self, waiting: Any, consumer: Mock, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ANN401  # a class of the example
        self._read = partial(read, waiting, consumer)
        self._capsys = capsys
        self._events = Events()
        self._offset = 0

    def write(self, *features: str, at: float, resource: str = "r", is_removed: bool = False) -> SentMessage:
        """Make the example read an event that was written at this second."""
        message = self._events.make("u-1", *(features or ("other",)), written=LONG_AGO + at)
        message = make_removal(message, *features) if is_removed else message
        message = replace_fields(message, resource_name=resource)
        self.resend(message)
        return message

    def resend(self, message: SentMessage) -> None:
        """Make the example read a duplicate, or a message of another kind."""
        self._read(make_read(message, 0, self._offset))
        self._offset += 1

    def read_printed(self) -> list[Any]:
        """Return the lines printed since the last call."""
        return read_printed(self._capsys)


@pytest.fixture
def source(waiting: Any, consumer: Mock, capsys: pytest.CaptureFixture[str]) -> Source:  # noqa: ANN401  # a class of the example
    """Return the events of one entity, for which the features A and B are awaited."""
    return Source(waiting, consumer, capsys)


def test_waiting__forgets_the_features_of_a_removed_item(source: Source) -> None:
    """The entity is complete only if a later event names the features again."""
    source.write("A", at=0)
    source.write(at=1, is_removed=True)
    last = source.write("B", at=2)
    assert source.read_printed() == []
    again = source.write("A", at=3)
    assert source.read_printed() == [make_line("complete", "u-1", "AB", last, again)]


def test_waiting__forgets_only_the_named_features(source: Source) -> None:
    """In a layout with one feature per item, a removal names its feature. Other features stay."""
    first = source.write("A", at=0)
    source.write("other", at=1, is_removed=True)
    last = source.write("B", at=2)
    assert source.read_printed() == [make_line("complete", "u-1", "AB", first, last)]
    source.write("A", at=3)
    source.write("A", at=4, is_removed=True)
    source.write("B", at=5)
    assert source.read_printed() == []


def test_waiting__keeps_a_feature_that_another_item_has(source: Source) -> None:
    """A removal applies to one item."""
    first = source.write("A", at=0, resource="one")
    source.write("A", at=1, resource="two")
    source.write(at=2, resource="two", is_removed=True)
    last = source.write("B", at=3)
    assert source.read_printed() == [make_line("complete", "u-1", "AB", first, last)]


def test_waiting__ignores_an_event_that_is_not_current(source: Source) -> None:
    """A late removal does not undo a newer write, and a late write does not undo a newer removal."""
    first = source.write("A", at=2)
    source.write(at=1, is_removed=True)
    last = source.write("B", at=3)
    assert source.read_printed() == [make_line("complete", "u-1", "AB", first, last)]
    first = source.write("A", at=4)
    source.write(at=8, is_removed=True, resource="other")
    source.write("B", at=7, resource="other")
    assert source.read_printed() == []
    last = source.write("B", at=9, resource="other")
    assert source.read_printed() == [make_line("complete", "u-1", "AB", first, last)]


def test_waiting__stops_waiting_without_any_feature(source: Source, waiting: Any, consumer: Mock) -> None:  # noqa: ANN401  # a class of the example
    """After the only item is removed, nothing is reported, and all offsets are committed."""
    source.write("A", at=0)
    assert find_stored(consumer) == {0: 0}
    source.write(at=1, is_removed=True)
    assert find_stored(consumer) == {0: 2}
    source.write(at=2, is_removed=True)  # of an entity that does not wait
    source.write("other", at=200)
    waiting.poll()
    assert source.read_printed() == []


def test_waiting__ignores_unknown_event_types(source: Source) -> None:
    """Such an event only advances the time."""
    first = source.write("A", at=0)
    source.resend(make_unknown(source.write("other", at=1)))
    unknown = Events().make("u-1", "B", written=LONG_AGO + 100)
    source.resend(make_unknown(unknown))
    assert source.read_printed() == [make_line("incomplete", "u-1", "A", first)]


def test_await_features__rejects_an_invalid_time_limit(tmp_path: Path) -> None:
    """The error is one line."""
    settings = make_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, "FEATURES": "A", "TIME_LIMIT": "1h"}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["TIME_LIMIT must be a number of seconds"])
