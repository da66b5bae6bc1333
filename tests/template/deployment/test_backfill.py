"""A backfill announces every item of a table, despite concurrent writes, an outage of Kafka and killed workers."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.application.deployment import Deployment
from local.paths import ROOT
from local.servers.kafka import Kafka
from local.servers.topic import TOPIC, Received, create_topic
from tests.support.avro import read_avro
from tests.support.topics import read_topic
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn

NAME = "backfilled"
ITEMS, WRITES = 1_000, 200
SEGMENTS = 4
PERSON = "person-of-"
"""The prefix of every entity id. Text that contains it contains personal data."""
LIMIT_SECONDS = 180.0
KAFKA_WAIT_MS, KAFKA_AWAY_SECONDS = 5_000, 7.0
"""The backfill's delivery timeout, which is long enough for a busy machine, and the longer outage of Kafka."""
AVRO = read_avro((ROOT / "schemas" / "feature_trigger.avsc").read_text())

type Json = Mapping[str, Any]


class Result(NamedTuple):
    """The result of an execution: its report, or its error."""

    arn: str
    report: Any
    error: str
    message: str


class Backfill:
    """The deployed state machine, and its default table."""

    def __init__(self, account: Account, deployed: Deployment, table: str, kafka: Kafka) -> None:
        self.account = account
        self.table = table
        self.kafka = kafka
        self._states = account.stack.clients.states
        self._machine = deployed.outputs["BackfillStateMachineArn"]

    def start(self, **request: object) -> str:
        """Start an execution, by default for this table, and return its ARN."""
        body = {"table": self.table, "segments": SEGMENTS, "workers": SEGMENTS, **request}
        return self._states.start_execution(stateMachineArn=self._machine, input=json.dumps(body))["executionArn"]

    def wait(self, arn: str) -> Result:
        """Wait for an execution, and return its result."""
        end = time.monotonic() + LIMIT_SECONDS
        while (found := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution is still running"
            time.sleep(0.2)
        if found["status"] == "SUCCEEDED":
            return Result(arn, json.loads(found["output"]), "", "")
        return Result(arn, None, found["error"], json.loads(found["cause"])["errorMessage"])

    def stop(self, arn: str) -> None:
        """Stop an execution."""
        self._states.stop_execution(executionArn=arn)

    def run(self, **request: object) -> Result:
        """Start an execution, and wait for it."""
        return self.wait(self.start(**request))

    def read_history(self, arn: str) -> Iterator[str]:
        """Yield the descriptions and histories of an execution and of the executions of its Map state."""
        for each in self._states.list_map_runs(executionArn=arn)["mapRuns"]:
            children = self._states.list_executions(mapRunArn=each["mapRunArn"])["executions"]
            for child in children:
                yield from self.read_history(child["executionArn"])
        yield str(self._states.describe_execution(executionArn=arn))
        for page in self._states.get_paginator("get_execution_history").paginate(executionArn=arn):
            yield str(page["events"])

    def read_events(self) -> list[Received]:
        """Read the topic."""
        return read_topic(self.kafka.bootstrap, TOPIC)


def to_item(number: int, version: int) -> dict[str, Any]:
    """Make an item whose only feature is named after the version."""
    features = {"data": {f"version_{version}": 5}, "meta": {"updated_at": f"2025-01-01T00:00:{version:02}Z"}}
    return {"device_id": f"{PERSON}{number}", "category": "health", "features": features}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Start a broker that the tests can pause."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        create_topic(kafka.bootstrap, TOPIC, 1)
        yield kafka


@pytest.fixture(scope="module")
def backfill(account: Account, kafka: Kafka) -> Iterator[Backfill]:
    """Deploy the application, and attach a table whose items are older than its stream."""
    ((table, _),) = account.make_tables(1).items()
    dynamodb, tables = account.stack.clients.dynamodb, account.stack.clients.tables
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    with tables.Table(table).batch_writer() as batch:
        for number in range(ITEMS):
            batch.put_item(Item=to_item(number, 0))
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    made = dynamodb.update_table(TableName=table, StreamSpecification=view)  # type: ignore[arg-type]  # a plain dict
    stream = made["TableDescription"]["LatestStreamArn"]
    every_table = to_table_arn(stream).replace(table, "team_table_*")
    parameters = {**NO_REGISTRY, "TableArns": every_table, "TopicName": TOPIC, "KafkaBrokerUrl": kafka.bootstrap}
    deployed = account.deploy(NAME, parameters)
    account.set_variable(f"{NAME}-backfill", "DELIVERY_TIMEOUT_MS", str(KAFKA_WAIT_MS))
    account.attach(NAME, stream)
    yield Backfill(account, deployed, table, kafka)
    account.delete(NAME)


@pytest.fixture(scope="module")
def finished(backfill: Backfill) -> Result:
    """Complete a run despite writes, an outage of Kafka that exceeds the delivery timeout, and killed workers."""
    execution = backfill.start(events_per_second=100)
    wait_for_events(backfill, SEGMENTS)
    write(backfill, 0, WRITES // 2)
    backfill.kafka.pause()
    time.sleep(KAFKA_AWAY_SECONDS)
    backfill.kafka.resume()
    assert kill_workers(backfill.account.stack.aws) > 0
    write(backfill, WRITES // 2, WRITES)
    ended = backfill.wait(execution)
    end = time.monotonic() + LIMIT_SECONDS
    while sum(is_live(event) for event in backfill.read_events()) < WRITES:
        assert time.monotonic() < end, "live events are missing"
        time.sleep(0.5)
    return ended


def wait_for_events(backfill: Backfill, number: int) -> None:
    """Wait until the topic contains this many events."""
    end = time.monotonic() + LIMIT_SECONDS
    while len(backfill.read_events()) < number:
        assert time.monotonic() < end, "events are missing"
        time.sleep(0.2)


def write(backfill: Backfill, first: int, last: int) -> None:
    """Update some items that are spread over the table."""
    table = backfill.account.stack.clients.tables.Table(backfill.table)
    for number in range(first, last):
        table.put_item(Item=to_item(number * ITEMS // WRITES, 1))


def kill_workers(aws: str) -> int:
    """Kill the processes of the backfill function on this stack, and return their number."""
    killed = 0
    wanted = {f"AWS_LAMBDA_FUNCTION_NAME={NAME}-backfill", f"AWS_ENDPOINT_URL={aws}"}
    for process in Path("/proc").iterdir():
        try:
            if wanted <= set((process / "environ").read_text().split("\0")):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except (OSError, ValueError):  # not a process, inaccessible, or already gone
            continue
    return killed


def is_live(event: Received) -> bool:
    """Return whether an event comes from the stream."""
    return "ce_sequence" in dict(event.headers)


def test_run__announces_the_final_state_of_every_item(backfill: Backfill, finished: Result) -> None:
    """Every item has a backfilled event, and the last event of each item shows its final state."""
    events = backfill.read_events()
    announced = {event.key.decode() for event in events if not is_live(event)}
    assert announced == {f"{PERSON}{number}" for number in range(ITEMS)}
    last = {event.key.decode(): AVRO.read(event.value[5:])["features"] for event in events}
    written = {f"{PERSON}{number * ITEMS // WRITES}" for number in range(WRITES)}
    assert last == {entity: [f"version_{int(entity in written)}"] for entity in announced}
    report = finished.report
    assert (report["complete"], report["items"], report["poison"], report["skipped"]) == (True, ITEMS, 0, {})
    assert report["delivered"] == ITEMS + report["again"]


def test_run__sends_nothing_again_once_it_is_complete(backfill: Backfill, finished: Result) -> None:
    """Resuming a complete run returns the same report and does not change the topic."""
    before = len(backfill.read_events())
    assert backfill.run(events_per_second=100, run=finished.report["run"]).report == finished.report
    assert len(backfill.read_events()) == before


def test_dry_run__counts_and_sends_nothing(backfill: Backfill, finished: Result) -> None:
    """It counts the deliverable items and does not change the topic."""
    assert finished.report["complete"]
    before = len(backfill.read_events())
    report = backfill.run(dry_run=True).report
    assert (report["items"], report["deliverable"], report["delivered"]) == (ITEMS, ITEMS, 0)
    assert len(backfill.read_events()) == before


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"segments": 0, "rate": 5}, "rate is unknown; segments must be a whole number from 1 to 500"),
        ({"table": "team_table_absent"}, "the table team_table_absent does not exist in this account and region"),
        ({"run": "absent"}, "run absent not found"),
    ],
    ids=["invalid", "no table", "no run"],
)
def test_invalid_request__fails_with_a_clear_error(backfill: Backfill, request_: Json, message: str) -> None:
    """The execution fails before it reads the table. The error says what to change."""
    ended = backfill.run(**request_)
    assert ended.error == "Misconfigured"
    assert message in ended.message


def test_table_without_a_layout__fails_with_a_clear_error(backfill: Backfill) -> None:
    """The error names the table and its key attributes."""
    (table,) = backfill.account.make_tables(1, ("pk", "sk"))
    ended = backfill.run(table=table)
    assert ended.error == "Misconfigured"
    assert table in ended.message
    assert "pk" in ended.message


def test_history__contains_no_entity_id(backfill: Backfill, finished: Result) -> None:
    """The inputs, outputs and steps of the execution and of its segments contain no entity ids."""
    texts = list(backfill.read_history(finished.arn))
    assert len(texts) >= 2 * (1 + SEGMENTS)
    assert any("segment" in text for text in texts)
    assert [text for text in texts if PERSON in text] == []


def test_stopped_run__can_be_resumed(backfill: Backfill, finished: Result) -> None:
    """A resumed run reads only what is not checkpointed. This is the last test, since workers outlive a stop."""
    assert finished.report["complete"]
    before = len(backfill.read_events())
    execution = backfill.start(events_per_second=200)
    wait_for_events(backfill, before + SEGMENTS)
    backfill.stop(execution)
    ended = backfill.run(run=execution.rpartition(":")[2])
    assert (ended.report["complete"], ended.report["items"]) == (True, ITEMS)
