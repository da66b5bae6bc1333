"""The recipe that starts a job once for each resource and compute id."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from local.application.consumers import to_consumer_settings
from local.environment import to_aws_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import to_sent
from tests.support.consumer_failures import run_to_end
from tests.support.consumers import SentMessage, prepare, run_example, send
from tests.support.example_modules import load
from tests.support.records import to_item, to_record

NAME = "start-job"


def to_event(number: int, compute_id: str | None, entity: str = "user-1") -> SentMessage:
    """An event of the resource user_features and this job."""
    return to_sent(to_record(number, entity=entity, item=to_item(compute_id=compute_id)))


def without_name(printed: dict[str, Any]) -> tuple[str, str]:
    """The job that was started, and the event that claimed it."""
    assert printed["resource_name"] == "user_features"
    assert printed["started"]
    return printed["compute_id"], printed["event_id"]


def test_start_job__starts_each_job_once(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Repeats, other entities' events and a restart start no second one; an event without a job starts none."""
    prepare(NAME)
    name = topic()
    one, same, none, two = to_event(1, "c-1"), to_event(2, "c-1", "user-2"), to_event(3, None), to_event(4, "c-2")
    send(stack.kafka, name, [one, same, one, none, two])
    settings = {
        **to_consumer_settings(stack.kafka, registry, name),
        **to_aws_environment(stack.aws),
        "JOBS_TABLE": name,
    }
    printed = run_example(NAME, settings, 2, tmp_path / "log")
    assert [without_name(each) for each in printed] == [
        ("c-1", one.event["event_id"]),
        ("c-2", two.event["event_id"]),
    ]
    later, three = to_event(5, "c-1", "user-3"), to_event(6, "c-3")
    send(stack.kafka, name, [later, one, three])
    printed = run_example(NAME, settings, 1, tmp_path / "again")
    assert [without_name(each) for each in printed] == [("c-3", three.event["event_id"])]


def to_backfilled(event: SentMessage) -> SentMessage:
    """The event as a backfill sends it."""
    headers = {name: text for name, text in event.headers.items() if name != "ce_sequence"}
    return event._replace(headers={**headers, "ce_backfill": "true"})


@pytest.mark.parametrize(("setting", "started"), [("", ["c-2"]), ("false", ["c-2"]), ("true", ["c-1", "c-2"])])
def test_start_job__starts_no_job_of_a_backfill_unless_told(  # noqa: PLR0913  # four are fixtures
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, setting: str, started: list[str]
) -> None:
    """A backfill announces the features of jobs of long ago; it does not keep a job from its live events either."""
    name = topic()
    old, live = to_backfilled(to_event(1, "c-1")), to_event(3, "c-2")
    send(stack.kafka, name, [old, to_backfilled(to_event(2, "c-2")), live])
    settings = {
        **to_consumer_settings(stack.kafka, registry, name),
        **to_aws_environment(stack.aws),
        "JOBS_TABLE": name,
        "START_BACKFILLED": setting,
    }
    printed = run_example(NAME, settings, len(started), tmp_path / "log")
    assert [each["compute_id"] for each in printed] == started


def test_start_job__refuses_a_setting_that_is_neither(tmp_path: Path) -> None:
    """One line says what it must be."""
    settings = to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events")
    ended = run_to_end(NAME, {**settings, "START_BACKFILLED": "yes"}, tmp_path / "log")
    assert (ended.status, ended.log.splitlines()) == (1, ["START_BACKFILLED must be true or false"])


@pytest.fixture
def program(stack: RunningStack, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe's module, with a table of its own."""
    for name, value in {**to_aws_environment(stack.aws), "JOBS_TABLE": topic()}.items():
        monkeypatch.setenv(name, value)
    return load(monkeypatch, NAME, "start_job")


def test_start_once__starts_once_among_several_processes(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each process asks the table, whatever it has seen itself."""
    here, there = program.Jobs(program.open_table()), program.Jobs(program.open_table())
    for jobs, number in ((here, 1), (there, 2), (there, 2), (here, 3)):
        jobs.start_once(to_event(number, "c-1").event)
    assert capsys.readouterr().out.count("started") == 1


def test_main__tells_of_the_works_own_aws_as_aws(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What start asks of AWS is no table's error."""
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "StartExecution")
    monkeypatch.setattr(program, "consume", Mock(side_effect=refused))
    for name, value in to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(program.signal, "signal", Mock())
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert str(ended.value) == f"AWS: {refused}"


def test_start_once__starts_again_where_a_crash_left_a_claim(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event that claimed the job starts it when it is read again, under the same name; other events do not."""
    names: list[str] = []
    crashes = iter([True, False])

    def start(name: str, _: object) -> None:
        names.append(name)
        if next(crashes):
            raise KeyboardInterrupt

    monkeypatch.setattr(program, "start", start)
    crashed, other = program.Jobs(program.open_table()), program.Jobs(program.open_table())
    with pytest.raises(KeyboardInterrupt):
        crashed.start_once(to_event(1, "c-1").event)
    other.start_once(to_event(2, "c-1").event)
    assert len(names) == 1
    other.start_once(to_event(1, "c-1").event)  # it has the partition now
    assert names == [names[0]] * 2
    other.start_once(to_event(1, "c-1").event)
    assert len(names) == 2
