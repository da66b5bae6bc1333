"""The state machine's three steps together announce a table, and name nobody where others may read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from feature_events.backfill import handler
from feature_events.errors import Misconfigured, Undelivered
from feature_events.settings.settings import read_settings
from tests.support.backfills import STARTED, STARTED_MS, TABLE_ARN, to_scanned
from tests.support.doubles import FakeContext
from tests.support.failures import BUCKET, Answers, FakeAccount

LARGE = tuple(f"feature_{number}" for number in range(200))
REQUEST = {"table": "user_feature_store", "segments": 3, "workers": 2, "events_per_second": 100_000}
PERSON = "person-4711-"
"""What every entity id begins with, and nothing else does."""


class Machine:
    """What the state machine does, and all that its execution's history has."""

    def __init__(self) -> None:
        self.history: list[Any] = []

    def step(self, milliseconds: int = 900_000, **event: Any) -> Any:  # noqa: ANN401  # the step's fields
        """One step; it and its answer pass through JSON and stand in the history."""
        answer = handler(json.loads(json.dumps(event)), FakeContext(milliseconds))  # type: ignore[arg-type]  # all it asks
        self.history.append(answer)
        return json.loads(json.dumps(answer))

    def run(self, run: str = "nightly-1", **request: Any) -> Any:  # noqa: ANN401  # the request's fields
        """A whole execution; its report."""
        planned = self.step(step="plan", run=run, started=STARTED, request={**REQUEST, **request})
        for segment in planned["segments"]:
            work: Any = {"complete": False, "step": "work", "run": planned["run"], "segment": segment}
            while not work["complete"]:
                work = self.step(**work)
        return self.step(step="report", run=planned["run"])


@pytest.fixture
def machine(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine over this account's function."""
    wire_to(account, monkeypatch, FAILURE_BUCKET=BUCKET)
    return Machine()


def wire_to(account: FakeAccount, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Gives the handler this account's pipeline, and these settings."""
    settings = read_settings({"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7", **environ})

    def wire(client: str) -> object:
        assert client == "-backfill"  # what quotas bind
        return settings, account.pipeline

    monkeypatch.setattr("feature_events.backfill.wire", wire)


def fill(account: FakeAccount, count: int = 20) -> list[str]:
    """Writes so many items that have an event, and one of each kind that has none; gives the former's entities."""
    entities = [f"{PERSON}{number}" for number in range(count)]
    others = (
        to_scanned(f"{PERSON}empty", item={"text": {"S": "no features"}}),
        to_scanned(f"{PERSON}unreadable", item={"features": {"S": f"{PERSON}feature"}}),
        to_scanned(f"{PERSON}large", features=LARGE),
    )
    for item in (*map(to_scanned, entities), *others):
        account.dynamodb.put_item(TableName="user_feature_store", Item=item)
    return sorted(entities)


def sent(account: FakeAccount) -> list[str]:
    """The entities whose events were sent, sorted."""
    return sorted(message.key.decode() for message in account.publisher.log)


def test_handler__announces_a_table(account: FakeAccount, machine: Machine) -> None:
    """Plan, work on each segment, report."""
    entities = fill(account)
    report = machine.run()
    assert sent(account) == entities
    assert {message.timestamp_ms for message in account.publisher.log} == {STARTED_MS}
    assert report.pop("seconds") >= 0
    assert sorted(report.pop("examples"), key=str) == [
        {"reason": "Kafka rejected the event: MSG_SIZE_TOO_LARGE", "items": 1},
        {"reason": "features.data: features is not a map", "items": 1},
    ]
    assert report == {
        "run": "nightly-1",
        "table": TABLE_ARN,
        "dry_run": False,
        "complete": True,
        "items": 23,
        "delivered": 20,
        "deliverable": 0,
        "again": 0,
        "skipped": {"no_features": 1},
        "poison": 2,
        "segments": 3,
    }
    assert account.keys == [f"backfills/nightly-1/{name}.json" for name in ("0", "1", "2", "plan")]


def test_handler__answers_what_the_machine_passes_on(account: FakeAccount, machine: Machine) -> None:
    """The plan's answer starts the workers, and a worker's answer is the next worker's event."""
    fill(account, 1)
    planned = machine.step(step="plan", run="nightly-1", started=STARTED, request=REQUEST)
    assert planned == {"run": "nightly-1", "workers": 2, "segments": [0, 1, 2]}
    work = machine.step(step="work", run="nightly-1", segment=1)
    assert work == {"step": "work", "run": "nightly-1", "segment": 1, "complete": True}


def test_handler__says_where_its_timeout_leaves_no_time_for_a_page(account: FakeAccount, machine: Machine) -> None:
    """Each invocation would begin none, and the next would be started for ever."""
    fill(account)
    machine.step(step="plan", run="nightly-1", started=STARTED, request=REQUEST)
    with pytest.raises(Misconfigured, match="timeout leaves no time"):
        machine.step(60_000, step="work", run="nightly-1", segment=0)
    assert sent(account) == []


def test_handler__goes_on_with_a_run(account: FakeAccount, machine: Machine) -> None:
    """What stopped it is over: what is not complete is announced, and what is is not read."""
    entities = fill(account)
    account.publisher.loses = lambda message: message.key == entities[7].encode()
    with pytest.raises(Undelivered):
        machine.run("nightly-1")
    assert not machine.step(step="report", run="nightly-1")["complete"]
    account.publisher.loses = lambda _: False
    report = machine.run()
    assert (report["complete"], report["delivered"]) == (True, 20)
    assert sorted({*sent(account)}) == entities


def test_handler__sends_nothing_new_for_a_complete_run(account: FakeAccount, machine: Machine) -> None:
    """Whoever starts it once more gets its report."""
    fill(account)
    first, before = machine.run(), len(account.publisher.log)
    planned = machine.step(step="plan", run="later", started=STARTED, request={**REQUEST, "run": "nightly-1"})
    works = [machine.step(step="work", run=planned["run"], segment=each) for each in planned["segments"]]
    assert [work["complete"] for work in works] == [True, True, True]
    assert machine.step(step="report", run=planned["run"]) == first
    assert len(account.publisher.log) == before


def test_handler__of_a_dry_run_counts_and_sends_nothing(account: FakeAccount, machine: Machine) -> None:
    """It counts what a run would send; only Kafka knows what it would refuse."""
    fill(account)
    account.publisher.topic_exists = False
    report = machine.run(dry_run=True)
    assert account.publisher.log == []
    ends = ("complete", "dry_run", "items", "delivered", "deliverable", "poison", "skipped")
    assert [report[end] for end in ends] == [True, True, 23, 0, 21, 1, {"no_features": 1}]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"table": "user_feature_store", "segments": 0}, "segments must be"),
        ({"table": "no_such_table"}, "there is no table no_such_table"),
        ({"table": "others"}, "no layout fits the table others"),
        ({"table": "user_feature_store", "run": "unknown"}, "there is no run unknown to go on with"),
        (None, "table is missing"),
    ],
)
def test_handler__refuses_before_anything_is_read(
    account: FakeAccount, machine: Machine, answers: Answers, asked: object, text: str
) -> None:
    """One clear error, and no trace of a run."""
    account.dynamodb.create_table(
        TableName="others",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    answers["Scan"] = "not to be asked"
    with pytest.raises(Misconfigured, match=text):
        machine.step(step="plan", run="nightly-1", started=STARTED, request=asked)
    assert account.keys == []


@pytest.mark.parametrize("step", ["work", "report"])
def test_handler__needs_the_runs_plan(machine: Machine, step: str) -> None:
    """Its objects may have been deleted while it was stopped."""
    with pytest.raises(Misconfigured, match="the run nightly-1 has no plan"):
        machine.step(step=step, run="nightly-1", segment=0)


@pytest.mark.parametrize("event", [{}, {"step": "again"}, {"Records": []}, {"table": "user_feature_store"}])
def test_handler__does_nothing_but_a_step(event: dict[str, Any]) -> None:
    """Whoever invokes the function by hand is told what to start."""
    with pytest.raises(Misconfigured, match="start the state machine"):
        handler(event, FakeContext(900_000))  # type: ignore[arg-type]  # all that it asks


def test_handler__needs_a_bucket(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is nowhere to keep how far a run is."""
    wire_to(account, monkeypatch)
    with pytest.raises(Misconfigured, match="set FAILURE_BUCKET"):
        Machine().run()


def find_texts(account: FakeAccount) -> Iterator[str]:
    """What the bucket's objects hold."""
    for key in account.keys:
        yield account.read_bytes(key).decode()


def test_handler__names_nobody_where_others_may_read(
    account: FakeAccount,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An entity's id stands in the checkpoints; it is in no answer, log line, metric or error."""
    monkeypatch.setattr("feature_events.backfills.work._PAGE_ITEMS", 3)
    caplog.set_level("DEBUG", "feature-events")
    entities = fill(account)
    account.publisher.loses = lambda message: message.key == entities[7].encode()
    with pytest.raises(Undelivered) as raised:
        machine.run()
    assert any(PERSON in text for text in find_texts(account))
    account.publisher.loses = lambda _: False
    machine.run()
    out = capsys.readouterr().out
    assert "ItemsScanned" in out
    assert [record.message for record in caplog.records if record.message == "page announced"] != []
    logged = [str(vars(record)) for record in caplog.records if record.name == "feature-events"]
    told = {"answers": repr(machine.history), "log": "".join(logged), "output": out, "error": str(raised.value)}
    assert [name for name, text in told.items() if PERSON in text] == []
