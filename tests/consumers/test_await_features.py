"""The recipe that waits for several features of an entity."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.application.consumers import to_consumer_settings
from local.servers.stack import Stack
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
    stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path
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
    stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The last event of a topic does not have to wait for another one; told, it is committed."""
    name = topic()
    only = Events().make("u-1", "A", written=time.time())
    send(stack.kafka, name, [only])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"FEATURES": "A,B", "TIME_LIMIT": "1"}
    assert run_example(NAME, settings, 1, tmp_path / "log") == [told("incomplete", "u-1", "A", only)]
    assert read_committed(stack.kafka, f"example-{NAME}", name) == 1


def test_await_features__goes_on_after_a_restart(
    stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path
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


def test_partition__holds_no_more_than_its_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The oldest entity is told as if its limit had passed, and no longer keeps the offset back."""
    program = load(monkeypatch, NAME, "await_features")
    monkeypatch.setattr(program, "MOST_WAITING", 2)
    partition, make = program.Partition(frozenset("AB"), 60.0), Events().make
    messages = [make(f"u-{number}", "A", written=LONG_AGO) for number in range(3)]
    for offset, each in enumerate(messages):
        partition.add(each.event, offset, LONG_AGO)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        told("incomplete", "u-0", "A", messages[0])
    ]
    assert partition.safe_offset == 1


def test_await_features__refuses_a_limit_that_is_no_number(tmp_path: Path) -> None:
    """One line says what it must be."""
    settings = to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, "FEATURES": "A", "TIME_LIMIT": "1h"}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["TIME_LIMIT must be a number of seconds"])
