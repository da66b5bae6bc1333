"""The recipe that starts a job once no event of another one has come for some minutes."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local.application.consumers import read_consumers, to_consumer_settings
from local.servers.stack import RunningStack
from tests.consumers.conftest import to_sent
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import LIMIT, SentMessage, prepare, run_example, send, start
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "job-complete"
LONG_AGO = time.time() // 1 - 6000
MINUTE = 60.0
QUIET = 10 * MINUTE


class Topic:
    """A topic's messages, read by the recipe; its time begins at 0, and so does the clock."""

    def __init__(self, program: ModuleType, partitions: int) -> None:
        self.clock = 0.0
        self.waiting = program.Waiting(QUIET, range(partitions), lambda: self.clock)
        self._offsets = dict.fromkeys(range(partitions), 0)
        self._number = 0

    def write(self, partition: int, minute: float, compute_id: str | None = None, event_id: str = "") -> None:
        """Let a message be read, with an event of this job; without one, another message."""
        self._number += 1
        event = {"event_id": event_id or str(self._number), "resource_name": "r", "compute_id": compute_id}
        self.waiting.add(
            partition, self._offsets[partition], minute * MINUTE, event if compute_id is not None else None
        )
        self._offsets[partition] += 1

    def end(self, *partitions: int) -> None:
        """Let nothing be left to read."""
        for each in partitions:
            self.waiting.end(each, self._offsets[each])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe's module."""
    return load(monkeypatch, NAME, "job_complete")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[tuple[str, int]]]:
    """The jobs that were told since the last look, with the number of their events."""

    def read() -> list[tuple[str, int]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [(each["compute_id"], each["events"]) for each in lines]

    return read


def test_waiting__completes_a_job_after_its_last_event(program: ModuleType, told: Callable[[], object]) -> None:
    """Each event of the job begins the minutes again, in any partition; repeats and other jobs' events do not."""
    topic = Topic(program, 2)
    topic.end(1)
    topic.write(0, 0, "c", "one")
    topic.write(1, 5, "c", "two")
    topic.end(1)
    topic.write(0, 9, "c", "three")
    topic.write(0, 18, "c", "one")
    topic.write(0, 18.9, "other")
    assert told() == []
    topic.write(0, 19)
    assert told() == [("c", 3)]


def test_waiting__lets_time_pass_no_partition_that_has_more_to_read(
    program: ModuleType, told: Callable[[], object]
) -> None:
    """In a backlog one partition can be read hours before another, which may hold events of the same job."""
    topic = Topic(program, 3)
    topic.write(0, 0, "c")
    topic.write(0, 500)
    topic.end(0)
    topic.write(1, 5, "c")
    topic.end(1)
    assert told() == []
    topic.write(2, 9, "c")
    assert told() == []
    topic.end(2)
    assert told() == [("c", 3)]


def test_waiting__completes_by_the_clock_if_the_topic_is_silent(
    program: ModuleType, told: Callable[[], object]
) -> None:
    """The last jobs need no further message; but while anything is left to read, the clock counts for nothing."""
    topic = Topic(program, 2)
    topic.end(1)
    topic.write(0, 0, "a")
    topic.write(0, 1, "b")
    topic.clock += QUIET
    topic.waiting.tick()
    assert told() == []
    topic.end(0)
    topic.waiting.tick()
    assert told() == [("a", 1), ("b", 1)]


def test_waiting__measures_silence_from_the_last_message(program: ModuleType, told: Callable[[], object]) -> None:
    """Events can come hours late, as after an outage: that a message is old says nothing of how long it was silent."""
    topic = Topic(program, 1)
    topic.clock = 1e6
    for minute in range(3):
        topic.write(0, minute, "late")
        topic.end(0)
        topic.clock += QUIET - 1
        topic.waiting.tick()
        assert told() == []
    topic.clock += 1
    topic.waiting.tick()
    assert told() == [("late", 3)]


def test_waiting__commits_nothing_of_a_job_that_waits(program: ModuleType, told: Callable[[], object]) -> None:
    """A restart reads all of its events again; a job that was told holds nothing back."""
    topic = Topic(program, 2)
    topic.write(0, 0)
    topic.write(0, 1, "a")
    topic.write(1, 2, "a")
    topic.write(0, 3, "b")
    assert dict(topic.waiting.find_safe_offsets()) == {0: 1, 1: 0}
    topic.write(0, 12.5)
    topic.write(1, 12.5)
    assert told() == [("a", 2)]
    assert dict(topic.waiting.find_safe_offsets()) == {0: 2, 1: 2}


def test_waiting__tells_a_job_again_for_a_later_event(program: ModuleType, told: Callable[[], object]) -> None:
    """Its features were not complete after all."""
    topic = Topic(program, 1)
    for minute, compute_id in ((0, "c"), (10, None), (11, "c"), (21, None)):
        topic.write(0, minute, compute_id)
    assert told() == [("c", 1), ("c", 1)]


def test_waiting__keeps_no_more_jobs_than_its_most(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """To tell one early would be wrong, so it ends with what to change; an event without a job never waits."""
    monkeypatch.setattr(program, "MOST_WAITING", 2)
    topic = Topic(program, 1)
    for compute_id in ("a", "", "b", "", "a"):
        topic.write(0, 0, compute_id)
    with pytest.raises(SystemExit, match=r"^more than 2 jobs wait: lower QUIET_MINUTES, "):
        topic.write(0, 0, "c")


def to_event(number: int, compute_id: str, minute: float) -> SentMessage:
    """An event of the resource user_features and this job, about an entity of its own."""
    sent = to_sent(to_record(number, entity=f"user-{number}", item=to_item(compute_id=compute_id)))
    return sent._replace(timestamp_ms=round((LONG_AGO + minute * MINUTE) * 1000))


def to_told(printed: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The jobs that were told."""
    return [(each["compute_id"], each["events"]) for each in printed]


@pytest.mark.parametrize(("setting", "first"), [("", []), ("true", [("old", 1)])])
def test_job_complete__tells_each_job_of_a_topic(  # noqa: PLR0913  # four are fixtures
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, setting: str, first: list[Any]
) -> None:
    """Its events are in two partitions; the last job waits; a backfill's job is told only if asked for."""
    prepare(NAME)
    name = topic(partitions=2)
    old = to_event(1, "old", 0)
    old = old._replace(headers={**old.headers, "ce_backfill": "true"})
    messages = [old, *(to_event(number, "c-1", number) for number in range(2, 10)), to_event(20, "c-2", 50)]
    send(stack.kafka, name, messages)
    settings = to_consumer_settings(stack.kafka, registry, name)
    settings |= {"QUIET_MINUTES": "10", "START_BACKFILLED": setting}
    expected = [*first, ("c-1", 8)]
    printed = run_example(NAME, settings, len(expected), tmp_path / "log")
    assert to_told(printed) == expected
    committed = [read_committed(stack.kafka, f"example-{NAME}", name, each) for each in range(2)]
    assert sum(committed) == len(messages) - 1, "the event of c-2 waits"


def test_job_complete__needs_no_further_message(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The topic is silent: the last job is told by the clock, and committed."""
    name = topic(partitions=2)
    send(stack.kafka, name, [to_event(1, "c-1", 0)])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"QUIET_MINUTES": "0.05"}
    printed = run_example(NAME, settings, 1, tmp_path / "log")
    assert to_told(printed) == [("c-1", 1)]
    assert sum(max(read_committed(stack.kafka, f"example-{NAME}", name, each), 0) for each in range(2)) == 1


def test_job_complete__ends_if_it_reads_a_part_of_the_topic(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """A second process would be given partitions with events of the same jobs: both say so."""
    name = topic(partitions=2)
    send(stack.kafka, name, [to_event(1, "c-1", 0)])
    settings = to_consumer_settings(stack.kafka, registry, name) | {"QUIET_MINUTES": "0.05"}
    example = read_consumers()[NAME]
    with (tmp_path / "one").open("w") as errors, start(example.run, example.directory, settings, errors) as one:
        assert one.stdout is not None
        assert one.stdout.readline()  # it has the topic
        ended = run_to_end(NAME, settings, tmp_path / "two")
        try:
            one.wait(LIMIT)
        except subprocess.TimeoutExpired:
            one.kill()
            raise
    told = (
        "this process was given 1 of the topic's 2 partitions, but a job's events are in all of them: run one process"
    )
    assert (ended.status, one.returncode) == (1, 1)
    for each in (ended.log, (tmp_path / "one").read_text()):
        assert each == f"{told} of this consumer group\n"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("QUIET_MINUTES", "10m", "QUIET_MINUTES must be a number of minutes above 0"),
        ("QUIET_MINUTES", "0", "QUIET_MINUTES must be a number of minutes above 0"),
        ("QUIET_MINUTES", "nan", "QUIET_MINUTES must be a number of minutes above 0"),
        ("START_BACKFILLED", "yes", "START_BACKFILLED must be true or false"),
    ],
)
def test_job_complete__refuses_a_setting(tmp_path: Path, setting: str, value: str, told: str) -> None:
    """One line says what it must be."""
    settings = to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, setting: value}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, [told])
