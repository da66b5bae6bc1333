"""The example that keeps a local table of the available features, on a real broker."""

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from local.application.consumers import make_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_message, make_removal, make_unknown
from tests.support.consumer_failures import run_to_end
from tests.support.consumers import LIMIT, SentMessage, prepare, print_state, run_example, send
from tests.support.records import to_item, to_record

NAME = "current-state"


LONG_AGO = round(time.time() - 600) * 1000
"""The timestamp of a message in milliseconds."""


def make_event(number: int, entity: str, *features: str, seconds: int = 0) -> SentMessage:
    """Make an event of the resource user_features. Its sequence number follows from `number`."""
    message = make_message(to_record(number, entity=entity, item=to_item(features)))
    return message._replace(timestamp_ms=LONG_AGO + seconds * 1000)


def to_line(entity: str, *features: str) -> dict[str, Any]:
    """Return the line that the example prints for an item."""
    item = {"entity_type": "bright_uid", "entity_id": entity, "resource_name": "user_features"}
    return {**item, "features": list(features)}


@pytest.fixture
def start(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> Callable[[], dict[str, str]]:
    """Return a function that creates a topic of one partition and returns the settings to read it."""

    def make() -> dict[str, str]:
        prepare(NAME)
        return make_consumer_settings(stack.kafka, registry, topic()) | {"STATE_FILE": str(tmp_path / "state")}

    return make


def test_current_state__keeps_the_newest_event_of_each_item(
    stack: RunningStack, start: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    """It continues after a restart, reads added partitions, and reaches the same state if it reads the topic again."""
    settings = start()
    name = settings["TOPIC_NAME"]
    older, newer = make_event(1, "user-1", "old"), make_event(2, "user-1", "age", "income", seconds=1)
    send(stack.kafka, name, [newer, older, newer, make_event(3, "user-2", "city")])
    printed = run_example(NAME, settings, 2, tmp_path / "log")
    assert printed == [to_line("user-1", "age", "income"), to_line("user-2", "city")]
    assert print_state(settings) == printed

    admin = AdminClient({"bootstrap.servers": stack.kafka})
    admin.create_partitions([NewPartitions(name, 3)])[name].result(LIMIT)
    entities = [f"user-{number}" for number in range(2, 20)]
    send(stack.kafka, name, [older, *(make_event(4, each, "age") for each in entities)])
    printed = run_example(NAME, settings, len(entities), tmp_path / "again")
    expected = sorted([to_line(each, "age") for each in entities], key=itemgetter("entity_id"))
    assert sorted(printed, key=itemgetter("entity_id")) == expected
    assert print_state(settings) == [to_line("user-1", "age", "income"), *expected]

    with closing(sqlite3.connect(settings["STATE_FILE"])) as database, database:
        assert len(database.execute("SELECT * FROM offsets").fetchall()) == 3
        database.execute("DELETE FROM offsets")
    send(stack.kafka, name, [make_event(6, "user-1", "last", seconds=2)])
    assert run_example(NAME, settings, 1, tmp_path / "reread") == [to_line("user-1", "last")]
    assert print_state(settings) == [to_line("user-1", "last"), *expected]


def test_current_state__removes_items_and_ignores_unknown_types(
    stack: RunningStack, start: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    """An event that is older than the removal does not bring the item back, also after a restart."""
    settings = start()
    name = settings["TOPIC_NAME"]
    older, removed = make_event(1, "user-1", "age"), make_removal(make_event(2, "user-1", "age"))
    unknown = make_unknown(make_event(3, "user-2", "city", seconds=2))
    send(stack.kafka, name, [removed, older, unknown, make_event(3, "user-2", "age")])
    assert run_example(NAME, settings, 1, tmp_path / "log") == [to_line("user-2", "age")]
    assert print_state(settings) == [to_line("user-2", "age")]
    send(stack.kafka, name, [older, make_event(4, "user-3", "age")])
    assert run_example(NAME, settings, 1, tmp_path / "again") == [to_line("user-3", "age")]
    assert print_state(settings) == [to_line("user-2", "age"), to_line("user-3", "age")]


def test_current_state__exits_if_it_missed_events(
    stack: RunningStack, start: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    """The topic has deleted messages that were not read, or was created again."""
    settings = start()
    send(stack.kafka, settings["TOPIC_NAME"], [make_event(1, "user-1", "age")])
    run_example(NAME, settings, 1, tmp_path / "log")
    with closing(sqlite3.connect(settings["STATE_FILE"])) as database, database:
        database.execute("UPDATE offsets SET next = 5")
    ended = run_to_end(NAME, settings, tmp_path / "again")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log == (
        f"{settings['TOPIC_NAME']} [0]: the next offset is no longer in the topic, so events are missing; delete the "
        "state file, restart this program, and request a backfill\n"
    )


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"TOPIC_NAME": "unknown-topic"}, "Kafka: Broker: Unknown topic or partition"),
        ({"STATE_FILE": "/"}, "/: unable to open database file"),
    ],
)
def test_current_state__reports_an_unusable_setting(
    start: Callable[[], dict[str, str]], tmp_path: Path, changed: dict[str, str], error: str
) -> None:
    """The error is one line."""
    ended = run_to_end(NAME, {**start(), **changed}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, [error])


def test_print__needs_a_state_file(tmp_path: Path) -> None:
    """Nothing printed would mean that nothing is available."""
    with pytest.raises(subprocess.CalledProcessError) as raised:
        print_state({"STATE_FILE": str(tmp_path / "missing")})
    assert raised.value.stderr == (
        f"{tmp_path / 'missing'} does not exist; run this program without --print first, or set STATE_FILE\n"
    )
