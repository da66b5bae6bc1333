"""The example that starts a job once another job has had no events for some minutes."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local.application.consumers import make_consumer_settings, read_consumers
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_message
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import LIMIT, SentMessage, prepare, run_example, send, start
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "job-complete"
LONG_AGO = time.time() // 1 - 6000
MINUTE = 60.0
QUIET = 10 * MINUTE


class Topic:
    """A topic whose messages the example reads. Its time and its clock start at 0."""

    def __init__(self, program: ModuleType, partitions: int) -> None:
        self.clock = 0.0
        self.waiting = program.Waiting(QUIET, range(partitions), lambda: self.clock)
        self._offsets = dict.fromkeys(range(partitions), 0)
        self._number = 0

    def write(self, partition: int, minute: float, compute_id: str | None = None, event_id: str = "") -> None:
        """Make the example read a message of this job. Without a compute id, the message has no event."""
        self._number += 1
        event = {"event_id": event_id or str(self._number), "resource_name": "r", "compute_id": compute_id}
        self.waiting.add(
            partition, self._offsets[partition], minute * MINUTE, event if compute_id is not None else None
        )
        self._offsets[partition] += 1

    def end(self, *partitions: int) -> None:
        """Make these partitions end at their last message."""
        for each in partitions:
            self.waiting.end(each, self._offsets[each])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the example's module."""
    return load(monkeypatch, NAME, "job_complete")


@pytest.fixture
def started(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[tuple[str, int]]]:
    """Return a function that returns the jobs started since its last call, with their numbers of events."""

    def read() -> list[tuple[str, int]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return [(each["compute_id"], each["events"]) for each in lines]

    return read


def test_waiting__completes_a_job_after_its_last_event(program: ModuleType, started: Callable[[], object]) -> None:
    """Each event of the job in any partition restarts the wait. Duplicates and events of other jobs do not."""
    topic = Topic(program, 2)
    topic.end(1)
    topic.write(0, 0, "c", "one")
    topic.write(1, 5, "c", "two")
    topic.end(1)
    topic.write(0, 9, "c", "three")
    topic.write(0, 18, "c", "one")
    topic.write(0, 18.9, "other")
    assert started() == []
    topic.write(0, 19)
    assert started() == [("c", 3)]


def test_waiting__advances_the_time_only_to_the_slowest_partition(
    program: ModuleType, started: Callable[[], object]
) -> None:
    """In a backlog, one partition can be read hours ahead of another with events of the same job."""
    topic = Topic(program, 3)
    topic.write(0, 0, "c")
    topic.write(0, 500)
    topic.end(0)
    topic.write(1, 5, "c")
    topic.end(1)
    assert started() == []
    topic.write(2, 9, "c")
    assert started() == []
    topic.end(2)
    assert started() == [("c", 3)]


def test_waiting__completes_jobs_by_the_clock_at_the_end(program: ModuleType, started: Callable[[], object]) -> None:
    """The last jobs need no later message. The clock does not count while messages remain unread."""
    topic = Topic(program, 2)
    topic.end(1)
    topic.write(0, 0, "a")
    topic.write(0, 1, "b")
    topic.clock += QUIET
    topic.waiting.tick()
    assert started() == []
    topic.end(0)
    topic.waiting.tick()
    assert started() == [("a", 1), ("b", 1)]


def test_waiting__measures_silence_from_the_last_message(program: ModuleType, started: Callable[[], object]) -> None:
    """After an outage, messages can arrive hours late, so their timestamps do not show when the topic was silent."""
    topic = Topic(program, 1)
    topic.clock = 1e6
    for minute in range(3):
        topic.write(0, minute, "late")
        topic.end(0)
        topic.clock += QUIET - 1
        topic.waiting.tick()
        assert started() == []
    topic.clock += 1
    topic.waiting.tick()
    assert started() == [("late", 3)]


def test_waiting__does_not_commit_events_of_a_waiting_job(program: ModuleType, started: Callable[[], object]) -> None:
    """A restart reads them again. A started job no longer delays commits."""
    topic = Topic(program, 2)
    topic.write(0, 0)
    topic.write(0, 1, "a")
    topic.write(1, 2, "a")
    topic.write(0, 3, "b")
    assert dict(topic.waiting.find_safe_offsets()) == {0: 1, 1: 0}
    topic.write(0, 12.5)
    topic.write(1, 12.5)
    assert started() == [("a", 2)]
    assert dict(topic.waiting.find_safe_offsets()) == {0: 2, 1: 2}


def test_waiting__starts_a_job_again_after_a_late_event(program: ModuleType, started: Callable[[], object]) -> None:
    """The features were not complete before."""
    topic = Topic(program, 1)
    for minute, compute_id in ((0, "c"), (10, None), (11, "c"), (21, None)):
        topic.write(0, minute, compute_id)
    assert started() == [("c", 1), ("c", 1)]


def test_waiting__exits_with_too_many_jobs(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a job early would be wrong, so the program exits. An event without a job never waits."""
    monkeypatch.setattr(program, "MOST_WAITING", 2)
    topic = Topic(program, 1)
    for compute_id in ("a", "", "b", "", "a"):
        topic.write(0, 0, compute_id)
    with pytest.raises(SystemExit, match=r"^more than 2 jobs are waiting; lower QUIET_MINUTES "):
        topic.write(0, 0, "c")


def make_event(number: int, compute_id: str, minute: float) -> SentMessage:
    """Make an event of this job and the resource user_features, about an entity with this number."""
    sent = make_message(to_record(number, entity=f"user-{number}", item=to_item(compute_id=compute_id)))
    return sent._replace(timestamp_ms=round((LONG_AGO + minute * MINUTE) * 1000))


def find_jobs(printed: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return the started jobs and their numbers of events."""
    return [(each["compute_id"], each["events"]) for each in printed]


@pytest.mark.parametrize(("setting", "first"), [("", []), ("true", [("old", 1)])])
def test_job_complete__starts_each_job_of_a_topic(  # noqa: PLR0913  # fixtures and parameters
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, setting: str, first: list[Any]
) -> None:
    """The events are in two partitions, and the last job still waits. Backfilled events count only if configured."""
    prepare(NAME)
    name = topic(partitions=2)
    old = make_event(1, "old", 0)
    old = old._replace(headers={**old.headers, "ce_backfill": "true"})
    messages = [old, *(make_event(number, "c-1", number) for number in range(2, 10)), make_event(20, "c-2", 50)]
    send(stack.kafka, name, messages)
    settings = make_consumer_settings(stack.kafka, registry, name)
    settings |= {"QUIET_MINUTES": "10", "START_BACKFILLED": setting}
    expected = [*first, ("c-1", 8)]
    printed = run_example(NAME, settings, len(expected), tmp_path / "log")
    assert find_jobs(printed) == expected
    committed = [read_committed(stack.kafka, f"example-{NAME}", name, each) for each in range(2)]
    assert sum(committed) == len(messages) - 1, "the event of c-2 is waiting"


def test_job_complete__needs_no_further_message(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The clock completes the last job of a silent topic, and its events are committed."""
    name = topic(partitions=2)
    send(stack.kafka, name, [make_event(1, "c-1", 0)])
    settings = make_consumer_settings(stack.kafka, registry, name) | {"QUIET_MINUTES": "0.05"}
    printed = run_example(NAME, settings, 1, tmp_path / "log")
    assert find_jobs(printed) == [("c-1", 1)]
    assert sum(max(read_committed(stack.kafka, f"example-{NAME}", name, each), 0) for each in range(2)) == 1


def test_job_complete__exits_if_it_reads_only_a_part_of_the_topic(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Two processes would share the events of the same jobs, so both exit."""
    name = topic(partitions=2)
    send(stack.kafka, name, [make_event(1, "c-1", 0)])
    settings = make_consumer_settings(stack.kafka, registry, name) | {"QUIET_MINUTES": "0.05"}
    example = read_consumers()[NAME]
    with (tmp_path / "one").open("w") as errors, start(example.run, example.directory, settings, errors) as one:
        assert one.stdout is not None
        assert one.stdout.readline()  # the first process reads the topic
        ended = run_to_end(NAME, settings, tmp_path / "two")
        try:
            one.wait(LIMIT)
        except subprocess.TimeoutExpired:
            one.kill()
            raise
    error = (
        "this process was assigned 1 of the topic's 2 partitions, but a job's events are in all of them; run only one "
        "process in this consumer group\n"
    )
    assert (ended.status, one.returncode) == (1, 1)
    for each in (ended.log, (tmp_path / "one").read_text()):
        assert each == error


@pytest.mark.parametrize(
    ("setting", "value", "error"),
    [
        ("QUIET_MINUTES", "10m", "QUIET_MINUTES must be a number of minutes above 0"),
        ("QUIET_MINUTES", "0", "QUIET_MINUTES must be a number of minutes above 0"),
        ("QUIET_MINUTES", "nan", "QUIET_MINUTES must be a number of minutes above 0"),
        ("START_BACKFILLED", "yes", "START_BACKFILLED must be true or false"),
    ],
)
def test_job_complete__rejects_an_invalid_setting(tmp_path: Path, setting: str, value: str, error: str) -> None:
    """The error is one line."""
    settings = make_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, setting: value}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, [error])
