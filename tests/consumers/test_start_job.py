"""The example that starts a job once for each resource and compute id."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from local.application.consumers import make_consumer_settings
from local.environment import make_aws_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_message
from tests.support.consumer_failures import run_to_end
from tests.support.consumers import SentMessage, prepare, run_example, send
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "start-job"


def make_event(number: int, compute_id: str | None, entity: str = "user-1") -> SentMessage:
    """Make an event of this job and the resource user_features."""
    return make_message(to_record(number, entity=entity, item=to_item(compute_id=compute_id)))


def find_job(printed: dict[str, Any]) -> tuple[str, str]:
    """Return the compute id of a started job, and the id of the event that claimed it."""
    assert printed["resource_name"] == "user_features"
    assert printed["started"]
    return printed["compute_id"], printed["event_id"]


def test_start_job__starts_each_job_once(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Duplicates, events of other entities and a restart do not start it again. An event without a job starts none."""
    prepare(NAME)
    name = topic()
    one, same, none, two = (
        make_event(1, "c-1"),
        make_event(2, "c-1", "user-2"),
        make_event(3, None),
        make_event(4, "c-2"),
    )
    send(stack.kafka, name, [one, same, one, none, two])
    settings = {
        **make_consumer_settings(stack.kafka, registry, name),
        **make_aws_environment(stack.aws),
        "JOBS_TABLE": name,
    }
    printed = run_example(NAME, settings, 2, tmp_path / "log")
    assert [find_job(each) for each in printed] == [
        ("c-1", one.event["event_id"]),
        ("c-2", two.event["event_id"]),
    ]
    later, three = make_event(5, "c-1", "user-3"), make_event(6, "c-3")
    send(stack.kafka, name, [later, one, three])
    printed = run_example(NAME, settings, 1, tmp_path / "again")
    assert [find_job(each) for each in printed] == [("c-3", three.event["event_id"])]


def to_backfilled(event: SentMessage) -> SentMessage:
    """Convert an event to a backfilled one."""
    headers = {name: text for name, text in event.headers.items() if name != "ce_sequence"}
    return event._replace(headers={**headers, "ce_backfill": "true"})


@pytest.mark.parametrize(("setting", "started"), [("", ["c-2"]), ("false", ["c-2"]), ("true", ["c-1", "c-2"])])
def test_start_job__ignores_backfilled_events_by_default(  # noqa: PLR0913  # fixtures and parameters
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, setting: str, started: list[str]
) -> None:
    """A backfilled event does not prevent a later live event from starting its job."""
    name = topic()
    old, live = to_backfilled(make_event(1, "c-1")), make_event(3, "c-2")
    send(stack.kafka, name, [old, to_backfilled(make_event(2, "c-2")), live])
    settings = {
        **make_consumer_settings(stack.kafka, registry, name),
        **make_aws_environment(stack.aws),
        "JOBS_TABLE": name,
        "START_BACKFILLED": setting,
    }
    printed = run_example(NAME, settings, len(started), tmp_path / "log")
    assert [each["compute_id"] for each in printed] == started


def test_start_job__rejects_an_invalid_setting(tmp_path: Path) -> None:
    """The error is one line."""
    settings = make_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, "START_BACKFILLED": "yes"}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["START_BACKFILLED must be true or false"])


@pytest.fixture
def program(stack: RunningStack, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the example's module, with a separate table."""
    for name, value in {**make_aws_environment(stack.aws), "JOBS_TABLE": topic()}.items():
        monkeypatch.setenv(name, value)
    return load(monkeypatch, NAME, "start_job")


def test_start_once__starts_once_among_several_processes(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """The processes share the table."""
    here, there = program.Jobs(program.open_table()), program.Jobs(program.open_table())
    for jobs, number in ((here, 1), (there, 2), (there, 2), (here, 3)):
        jobs.start_once(make_event(number, "c-1").event)
    assert capsys.readouterr().out.count("started") == 1


def test_start_once__starts_a_job_again_after_a_crash(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event that claimed the job starts it again with the same name. Other events do not."""
    names: list[str] = []
    crashes = iter([True, False])

    def start(name: str, _: object) -> None:
        names.append(name)
        if next(crashes):
            raise KeyboardInterrupt

    monkeypatch.setattr(program, "start", start)
    crashed, other = program.Jobs(program.open_table()), program.Jobs(program.open_table())
    with pytest.raises(KeyboardInterrupt):
        crashed.start_once(make_event(1, "c-1").event)
    other.start_once(make_event(2, "c-1").event)
    assert len(names) == 1
    other.start_once(make_event(1, "c-1").event)  # this process now owns the partition
    assert names == [names[0]] * 2
    other.start_once(make_event(1, "c-1").event)
    assert len(names) == 2
