"""What a table already held is announced by the backfill, whatever is written and whatever fails meanwhile."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.application.deployment import Deployment
from local.paths import ROOT
from local.servers.topic import Received
from tests.support.avro import read_avro
from tests.support.topics import read_topic
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn

NAME = "backfilled"
ITEMS, WRITES = 1_000, 200
SEGMENTS = 4
PERSON = "person-of-"
"""How every entity's id begins, and nothing else: what it stands in names a person."""
LIMIT_SECONDS = 180.0
KAFKA_WAIT_MS, KAFKA_AWAY_SECONDS = 5_000, 7.0
"""How long an invocation waits for Kafka, which a busy machine must not exceed, and how long Kafka is away."""
AVRO = read_avro((ROOT / "schemas" / "feature_trigger.avsc").read_text())

type Json = Mapping[str, Any]


class Ended(NamedTuple):
    """An execution's end: its report, or why it failed."""

    arn: str
    report: Any
    error: str
    message: str


class Backfill:
    """The deployed state machine, and the tables beside it."""

    def __init__(self, account: Account, deployed: Deployment, table: str, topic: str) -> None:
        self.account = account
        self.table = table
        self.topic = topic
        self._states = account.stack.clients.states
        self._machine = deployed.outputs["BackfillStateMachineArn"]

    def start(self, **request: object) -> str:
        """Starts an execution; `table` is this one where none is named."""
        asked = {"table": self.table, "segments": SEGMENTS, "workers": SEGMENTS, **request}
        return self._states.start_execution(stateMachineArn=self._machine, input=json.dumps(asked))["executionArn"]

    def wait(self, arn: str) -> Ended:
        """How an execution ends."""
        end = time.monotonic() + LIMIT_SECONDS
        while (found := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution does not end"
            time.sleep(0.2)
        if found["status"] == "SUCCEEDED":
            return Ended(arn, json.loads(found["output"]), "", "")
        return Ended(arn, None, found["error"], json.loads(found["cause"])["errorMessage"])

    def stop(self, arn: str) -> None:
        """Stops an execution, as a person does."""
        self._states.stop_execution(executionArn=arn)

    def run(self, **request: object) -> Ended:
        """Runs an execution to its end."""
        return self.wait(self.start(**request))

    def read_told(self, arn: str) -> Iterator[str]:
        """All that an execution and its Map's executions tell of themselves."""
        for each in self._states.list_map_runs(executionArn=arn)["mapRuns"]:
            children = self._states.list_executions(mapRunArn=each["mapRunArn"])["executions"]
            for child in children:
                yield from self.read_told(child["executionArn"])
        yield str(self._states.describe_execution(executionArn=arn))
        for page in self._states.get_paginator("get_execution_history").paginate(executionArn=arn):
            yield str(page["events"])

    def read_events(self) -> list[Received]:
        """What is in the topic."""
        return read_topic(self.account.stack.kafka, self.topic)


def to_item(number: int, version: int) -> dict[str, Any]:
    """An item whose only feature is named after its version."""
    features = {"data": {f"version_{version}": 5}, "meta": {"updated_at": f"2025-01-01T00:00:{version:02}Z"}}
    return {"device_id": f"{PERSON}{number}", "category": "health", "features": features}


@pytest.fixture(scope="module")
def backfill(account: Account, topic: Callable[..., str]) -> Iterator[Backfill]:
    """The application on a table that was filled before it had a stream."""
    ((table, _),) = account.make_tables(1).items()
    dynamodb, tables = account.stack.clients.dynamodb, account.stack.clients.tables
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    with tables.Table(table).batch_writer() as batch:
        for number in range(ITEMS):
            batch.put_item(Item=to_item(number, 0))
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    made = dynamodb.update_table(TableName=table, StreamSpecification=view)  # type: ignore[arg-type]  # a plain dict
    stream = made["TableDescription"]["LatestStreamArn"]
    name = topic()
    every_table = to_table_arn(stream).replace(table, "team_table_*")
    deployed = account.deploy(NAME, {**NO_REGISTRY, "TableArns": every_table, "TopicName": name})
    for function in (deployed.function, f"{NAME}-backfill"):
        account.set_variable(function, "DELIVERY_TIMEOUT_MS", str(KAFKA_WAIT_MS))
    account.attach(NAME, stream)
    yield Backfill(account, deployed, table, name)
    account.delete(NAME)


@pytest.fixture(scope="module")
def finished(backfill: Backfill) -> Ended:
    """A run with everything in its way: writes, Kafka away for longer than a delivery may take, and killed workers."""
    stack = backfill.account.stack
    execution = backfill.start(events_per_second=100)
    wait_for_events(backfill, SEGMENTS)
    write(backfill, 0, WRITES // 2)
    stack.kafka_server.pause()
    time.sleep(KAFKA_AWAY_SECONDS)
    stack.kafka_server.resume()
    assert kill_workers(stack.aws) > 0
    write(backfill, WRITES // 2, WRITES)
    ended = backfill.wait(execution)
    end = time.monotonic() + LIMIT_SECONDS
    while sum(is_live(event) for event in backfill.read_events()) < WRITES:
        assert time.monotonic() < end, "the live events do not come"
        time.sleep(0.5)
    return ended


def wait_for_events(backfill: Backfill, number: int) -> None:
    """Waits until so many events are in the topic."""
    end = time.monotonic() + LIMIT_SECONDS
    while len(backfill.read_events()) < number:
        assert time.monotonic() < end, "no event comes"
        time.sleep(0.2)


def write(backfill: Backfill, first: int, last: int) -> None:
    """Writes some items, all over the table, a second time."""
    table = backfill.account.stack.clients.tables.Table(backfill.table)
    for number in range(first, last):
        table.put_item(Item=to_item(number * ITEMS // WRITES, 1))


def kill_workers(aws: str) -> int:
    """Kills the processes in which this stack runs the backfill's function; how many there were."""
    killed = 0
    wanted = {f"AWS_LAMBDA_FUNCTION_NAME={NAME}-backfill", f"AWS_ENDPOINT_URL={aws}"}
    for process in Path("/proc").iterdir():
        try:
            if wanted <= set((process / "environ").read_text().split("\0")):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except (OSError, ValueError):  # it is no process, another user's, or gone
            continue
    return killed


def is_live(event: Received) -> bool:
    """Whether an event is the stream's."""
    return "ce_sequence" in dict(event.headers)


def test_run__announces_every_item_as_it_is_in_the_end(backfill: Backfill, finished: Ended) -> None:
    """Every item has a backfilled event, and nothing behind an item's present state tells of an earlier one."""
    events = backfill.read_events()
    announced = {event.key.decode() for event in events if not is_live(event)}
    assert announced == {f"{PERSON}{number}" for number in range(ITEMS)}
    last = {event.key.decode(): AVRO.read(event.value[5:])["features"] for event in events}
    written = {f"{PERSON}{number * ITEMS // WRITES}" for number in range(WRITES)}
    assert last == {entity: [f"version_{int(entity in written)}"] for entity in announced}
    report = finished.report
    assert (report["complete"], report["items"], report["poison"], report["skipped"]) == (True, ITEMS, 0, {})
    assert report["delivered"] == ITEMS + report["again"]


def test_run__that_is_over_sends_nothing_again(backfill: Backfill, finished: Ended) -> None:
    """An execution that goes on with it gives the same report, and the topic stays as it is."""
    before = len(backfill.read_events())
    assert backfill.run(events_per_second=100, run=finished.report["run"]).report == finished.report
    assert len(backfill.read_events()) == before


def test_dry_run__counts_and_sends_nothing(backfill: Backfill, finished: Ended) -> None:
    """What a run would send is counted, and the topic stays as it is."""
    assert finished.report["complete"]
    before = len(backfill.read_events())
    report = backfill.run(dry_run=True).report
    assert (report["items"], report["deliverable"], report["delivered"]) == (ITEMS, ITEMS, 0)
    assert len(backfill.read_events()) == before


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"segments": 0, "rate": 5}, "rate is unknown; segments must be a whole number from 1 to 500"),
        ({"table": "team_table_absent"}, "the table team_table_absent does not exist in this account and region"),
        ({"run": "absent"}, "run absent not found"),
    ],
    ids=["invalid", "no table", "no run"],
)
def test_request__that_cannot_be_done_is_one_clear_error(backfill: Backfill, request_: Json, told: str) -> None:
    """The execution fails before anything is read, and says what to change."""
    ended = backfill.run(**request_)
    assert ended.error == "Misconfigured"
    assert told in ended.message


def test_table__that_no_layout_fits_is_one_clear_error(backfill: Backfill) -> None:
    """The error names the table and its key attributes."""
    (table,) = backfill.account.make_tables(1, ("pk", "sk"))
    ended = backfill.run(table=table)
    assert ended.error == "Misconfigured"
    assert table in ended.message
    assert "pk" in ended.message


def test_history__names_nobody(backfill: Backfill, finished: Ended) -> None:
    """Neither input nor output nor a step of an execution or of its segments' holds an entity's id."""
    told = list(backfill.read_told(finished.arn))
    assert len(told) >= 2 * (1 + SEGMENTS)
    assert any("segment" in text for text in told)
    assert [text for text in told if PERSON in text] == []


def test_run__that_was_stopped_goes_on(backfill: Backfill, finished: Ended) -> None:
    """What is checkpointed is not read again, and the rest is. The last test: workers outlive a stop."""
    assert finished.report["complete"]
    before = len(backfill.read_events())
    execution = backfill.start(events_per_second=200)
    wait_for_events(backfill, before + SEGMENTS)
    backfill.stop(execution)
    ended = backfill.run(run=execution.rpartition(":")[2])
    assert (ended.report["complete"], ended.report["items"]) == (True, ITEMS)
