"""Test the three steps of the state machine, and that the history of an execution contains no personal data."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from feature_events.backfill import handler
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.message import to_confluent_prefix
from feature_events.settings.settings import read_settings
from tests.support.backfills import MESSAGE_MS, RUN, STARTED, TABLE_ARN, to_scanned
from tests.support.doubles import FakeContext
from tests.support.failures import BUCKET, Answers, FakeAccount
from tests.support.layouts import to_layouts
from tests.support.pipelines import with_encoder

LARGE = tuple(f"feature_{number}" for number in range(200))
LATER = "2026-02-01T00:00:00.000Z"
REQUEST = {"table": "user_feature_store", "segments": 3, "workers": 2, "events_per_second": 100_000}
ENVIRON = {"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7", "FAILURE_BUCKET": BUCKET}
OTHER_LAYOUT = {
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"},
    "entity_type": "user",
    "features": "features.data",
}
PERSON = "person-4711-"
"""The start of every entity id, and of nothing else."""


class Machine:
    """The state machine, and the history of its execution."""

    def __init__(self) -> None:
        self.history: list[Any] = []

    def step(self, milliseconds: int = 900_000, **event: Any) -> Any:  # noqa: ANN401  # the step's fields
        """Run a step. Its event and its response pass through JSON, and the history contains the response."""
        response = handler(json.loads(json.dumps(event)), FakeContext(milliseconds))  # type: ignore[arg-type]  # all that it uses
        self.history.append(response)
        return json.loads(json.dumps(response))

    def run(self, execution: str = "nightly-1", started: str = STARTED, **request: Any) -> Any:  # noqa: ANN401  # the request's fields
        """Run an execution to its end, and return its report."""
        planned = self.step(step="plan", run=execution, started=started, request={**REQUEST, **request})
        for segment in planned["segments"]:
            work: Any = {"complete": False, "step": "work", "run": planned["run"], "segment": segment}
            while not work["complete"]:
                work = self.step(**work)
        return self.step(step="report", run=planned["run"])


@pytest.fixture
def machine(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a state machine that invokes this account's function."""
    wire_to(account, monkeypatch)
    return Machine()


def wire_to(account: FakeAccount, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Let the handler use this account's pipeline and these settings."""
    settings = read_settings({**ENVIRON, **environ})

    def wire(client: str) -> object:
        assert client == "-backfill"  # for quotas
        return settings, account.pipeline

    monkeypatch.setattr("feature_events.backfill.wire", wire)


def fill(account: FakeAccount, count: int = 20) -> list[str]:
    """Write this many good items and one of each other kind, and return the entities of the good ones."""
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
    """Return the sorted entities of the sent events."""
    return sorted(message.key.decode() for message in account.publisher.log)


def test_handler__announces_a_table(account: FakeAccount, machine: Machine) -> None:
    """All steps together announce every item, and the report counts them."""
    entities = fill(account)
    report = machine.run()
    assert sent(account) == entities
    assert {message.timestamp_ms for message in account.publisher.log} == {MESSAGE_MS}
    assert report.pop("seconds") >= 0
    assert sorted(report.pop("examples"), key=str) == [
        {"reason": "Kafka rejected the event: MSG_SIZE_TOO_LARGE", "items": 1},
        {"reason": "features.data: features is not a map", "items": 1},
    ]
    assert report == {
        "run": RUN,
        "table": TABLE_ARN,
        "dry_run": False,
        "complete": True,
        "items": 23,
        "delivered": 20,
        "deliverable": 0,
        "again": 0,
        "still_changing": 0,
        "skipped": {"no_features": 1},
        "poison": 2,
        "segments": 3,
    }
    assert account.keys == [f"backfills/{RUN}/{name}.json" for name in ("0", "1", "2", "plan")]


def test_handler__returns_the_input_of_the_next_step(account: FakeAccount, machine: Machine) -> None:
    """The plan's response starts the workers. A worker's response is the next worker's event."""
    fill(account, 1)
    planned = machine.step(step="plan", run="nightly-1", started=STARTED, request=REQUEST)
    assert planned == {
        "state": "announce",
        "run": RUN,
        "look": 0,
        "workers": 2,
        "partitions": [],
        "buckets": [],
        "segments": [0, 1, 2],
    }
    work = machine.step(step="work", run=RUN, segment=1)
    assert work == {"step": "work", "run": RUN, "segment": 1, "complete": True}


def test_handler__rejects_a_timeout_that_is_too_short(account: FakeAccount, machine: Machine) -> None:
    """Otherwise, invocations without any progress would be repeated forever."""
    fill(account)
    machine.step(step="plan", run="nightly-1", started=STARTED, request=REQUEST)
    with pytest.raises(Misconfigured, match="timeout is too short for a page"):
        machine.step(60_000, step="work", run=RUN, segment=0)
    assert sent(account) == []


@pytest.mark.parametrize("run", [RUN, "nightly-1"])
def test_handler__resumes_a_run(account: FakeAccount, machine: Machine, run: str) -> None:
    """Once the cause of the failure is fixed, the incomplete segments are announced."""
    entities = fill(account)
    account.publisher.loses = lambda message: message.key == entities[7].encode()
    with pytest.raises(Undelivered):
        machine.run()
    assert not machine.step(step="report", run=RUN)["complete"]
    account.publisher.loses = lambda _: False
    report = machine.run("another", LATER, run=run)
    assert (report["run"], report["complete"], report["delivered"]) == (RUN, True, 20)
    assert sorted({*sent(account)}) == entities
    assert {message.timestamp_ms for message in account.publisher.log} == {MESSAGE_MS}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prefix": to_confluent_prefix(8)}, "a deployment has changed the schema id"),
        ({"layouts": to_layouts(OTHER_LAYOUT)}, "a deployment has changed the layouts of this table"),
    ],
    ids=["schema", "layouts"],
)
@pytest.mark.parametrize("step", ["plan", "work"])
def test_handler__does_not_continue_a_run_with_another_encoder(  # noqa: PLR0913, PLR0917  # parameters
    account: FakeAccount,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    changed: Any,  # noqa: ANN401  # an encoder's fields
    message: str,
) -> None:
    """A deployment during the run would announce half of the table in another way."""
    fill(account, 1)
    machine.step(step="plan", run="nightly-1", started=STARTED, request=REQUEST)
    pipeline = with_encoder(account.pipeline, **changed)
    monkeypatch.setattr("feature_events.backfill.wire", lambda _: (read_settings(ENVIRON), pipeline))
    request = {**REQUEST, "run": "nightly-1"}
    event = {"run": RUN, "segment": 0} if step == "work" else {"run": "other", "started": LATER, "request": request}
    with pytest.raises(Misconfigured, match=message):
        machine.step(step=step, **event)
    assert sent(account) == []


def test_handler__fails_if_kafka_rejects_every_event(account: FakeAccount, machine: Machine) -> None:
    """Each segment is too small to show that the topic is the cause."""
    for number in range(12):
        account.dynamodb.put_item(TableName="user_feature_store", Item=to_scanned(f"{PERSON}{number}", features=LARGE))
    expected = rf"Kafka rejected all 12 events of run {RUN} \(MSG_SIZE_TOO_LARGE\): change the topic's settings"
    with pytest.raises(Misconfigured, match=expected):
        machine.run()


def test_handler__starts_a_new_run_for_a_reused_name(account: FakeAccount, machine: Machine) -> None:
    """Step Functions accepts a name again after 90 days, and the checkpoints may still be there."""
    entities = fill(account)
    machine.run()
    report = machine.run(started=LATER)
    assert (report["run"], report["delivered"]) == ("nightly-1-20260201T000000.000Z", 20)
    assert sent(account) == sorted([*entities, *entities])
    ids = [dict(message.headers)["ce_id"] for message in account.publisher.log]
    assert len(set(ids)) == len(ids)
    assert machine.run("another", LATER, run=RUN)["run"] == RUN


def test_handler__rejects_an_execution_name_that_cannot_be_resumed(account: FakeAccount, machine: Machine) -> None:
    """The error comes before anything is read."""
    with pytest.raises(Misconfigured, match="the execution's name a@b contains characters"):
        machine.run("a@b")
    assert account.keys == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"table": "user_feature_store", "segments": 0}, "segments must be"),
        ({"table": "no_such_table"}, "the table no_such_table does not exist"),
        ({"table": "others"}, "no layout fits the table others"),
        ({"table": "user_feature_store", "run": "unknown"}, "run unknown not found"),
        (None, "table is missing"),
    ],
)
def test_handler__rejects_a_request_before_reading_items(
    account: FakeAccount, machine: Machine, answers: Answers, body: object, text: str
) -> None:
    """The error is clear, and the run leaves no checkpoint."""
    account.dynamodb.create_table(
        TableName="others",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    answers["Scan"] = "unexpected scan"
    with pytest.raises(Misconfigured, match=text):
        machine.step(step="plan", run="nightly-1", started=STARTED, request=body)
    assert account.keys == []


@pytest.mark.parametrize("step", ["work", "report"])
def test_handler__requires_the_plan(machine: Machine, step: str) -> None:
    """The checkpoints of a stopped run can expire."""
    with pytest.raises(Misconfigured, match="run nightly-1 has no plan"):
        machine.step(step=step, run="nightly-1", segment=0)


@pytest.mark.parametrize("event", [{}, {"step": "again"}, {"Records": []}, {"table": "user_feature_store"}])
def test_handler__rejects_other_events(event: dict[str, Any]) -> None:
    """The error tells an operator to start the state machine."""
    with pytest.raises(Misconfigured, match="start the state machine"):
        handler(event, FakeContext(900_000))  # type: ignore[arg-type]  # all that it uses


def test_handler__requires_a_bucket(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bucket, checkpoints cannot be stored."""
    wire_to(account, monkeypatch, FAILURE_BUCKET="")
    with pytest.raises(Misconfigured, match="set FAILURE_BUCKET"):
        Machine().run()


def find_texts(account: FakeAccount) -> Iterator[str]:
    """Yield the contents of the bucket's objects."""
    for key in account.keys:
        yield account.read_bytes(key).decode()


def test_handler__stores_personal_data_only_in_the_bucket(
    account: FakeAccount,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Entity ids appear in checkpoints, but not in any response, log line, metric or error."""
    monkeypatch.setattr("feature_events.backfills.work._PAGE_SECONDS", 3 / 50_000)  # three items
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
    outputs = {"responses": repr(machine.history), "log": "".join(logged), "output": out, "error": str(raised.value)}
    assert [name for name, text in outputs.items() if PERSON in text] == []


def test_handler__reports_every_mistake_in_a_request_for_a_trace() -> None:
    """The trace of one item is not a step of the state machine."""
    event = {"trace": {"table": "orders", "since": "yesterday"}}
    with pytest.raises(Misconfigured, match=r"since must be an ISO-8601 time .*; key is missing"):
        handler(event, FakeContext(900_000))  # type: ignore[arg-type]  # all that it uses
