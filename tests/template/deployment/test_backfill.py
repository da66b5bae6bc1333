"""A backfill announces every item of a table, despite concurrent writes, an outage of Kafka and killed workers."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from local.paths import ROOT
from local.servers.kafka import Kafka
from local.servers.topic import TOPIC, Received
from tests.support.avro import read_avro
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn
from tests.template.deployment.backfill_runs import (
    LIMIT_SECONDS,
    NAME,
    PERSON,
    SEGMENTS,
    SMALL_ITEMS,
    Backfill,
    Result,
    is_live,
    kill_workers,
    to_id,
    to_item,
    to_position,
    wait_for_events,
    wait_for_live_events,
    writing,
)

ITEMS, WRITES = 1_000, 200
HOT, ALTERNATING = 0, 1
"""The numbers of two items."""
KAFKA_WAIT_MS, KAFKA_AWAY_SECONDS = 5_000, 7.0
"""The backfill's delivery timeout, which is long enough for a busy machine, and the longer outage of Kafka."""
AVRO = read_avro((ROOT / "schemas" / "feature_trigger.avsc").read_text())

type Json = Mapping[str, Any]


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
    wait_for_live_events(backfill, WRITES)
    return ended


def read_state(events: Sequence[Received], entities: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Return the features that a consumer has for these entities. It drops duplicates and applies the state rule."""
    firsts = {to_id(event): event for event in reversed(events)}.values()
    current = {event.key.decode(): event for event in sorted(firsts, key=to_position)}
    return {entity: AVRO.read(current[entity].value[5:])["features"] for entity in entities}


def write(backfill: Backfill, first: int, last: int) -> None:
    """Update some items that are spread over the table."""
    for number in range(first, last):
        backfill.put(to_item(number * ITEMS // WRITES, 1))


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


def test_reused_name__starts_a_new_run(backfill: Backfill, finished: Result) -> None:
    """Step Functions accepts a name again after 90 days, and the old run's checkpoints may still be there."""
    assert finished.report["complete"]
    table = backfill.make_small_table()
    former = backfill.run(table=table).report
    for run in ("nightly", "nightly-20250101T000000.000Z"):
        backfill.copy_run(former["run"], run)
    report = backfill.run("nightly", table=table).report
    assert (report["complete"], report["delivered"]) == (True, SMALL_ITEMS)
    assert report["run"].startswith("nightly-")


def test_topic_that_rejects_every_event__fails_the_run(backfill: Backfill, finished: Result) -> None:
    """Each of its pages is too small to show that the topic is the cause. A new run succeeds after a fix."""
    assert finished.report["complete"]
    table = backfill.make_small_table()
    with backfill.configured("message.timestamp.before.max.ms", "1"):
        ended = backfill.run(table=table)
    assert ended.error == "Misconfigured"
    assert f"Kafka rejected all {SMALL_ITEMS} events of run" in ended.message
    assert "INVALID_TIMESTAMP" in ended.message
    assert backfill.run(table=table).report["delivered"] == SMALL_ITEMS


def test_items_that_keep_changing__end_with_their_current_state(backfill: Backfill, finished: Result) -> None:
    """The run completes despite them and killed workers. Without duplicates, the state rule finds the final states."""
    assert finished.report["complete"]
    begin = len(backfill.read_events())
    with writing(backfill, HOT, ALTERNATING):
        execution = backfill.start(events_per_second=500)
        wait_for_events(backfill, begin + ITEMS // 4)
        assert kill_workers(backfill.account.stack.aws) > 0
        report = backfill.wait(execution).report
    assert report["complete"]
    items = [backfill.get_item(number) for number in (HOT, ALTERNATING)]
    expected = {item["device_id"]: list(item["features"]["data"]) for item in items}
    end = time.monotonic() + LIMIT_SECONDS
    while (state := read_state(backfill.read_events(), expected)) != expected:
        assert time.monotonic() < end, state
        time.sleep(0.5)
    backfilled = [to_id(event) for event in backfill.read_events() if not is_live(event)]
    assert len(set(backfilled)) == len(backfilled)


def test_stopped_run__can_be_resumed(backfill: Backfill, finished: Result) -> None:
    """A resumed run reads only what is not checkpointed. This is the last test, since workers outlive a stop."""
    assert finished.report["complete"]
    before = len(backfill.read_events())
    execution = backfill.start(events_per_second=200)
    wait_for_events(backfill, before + SEGMENTS)
    backfill.stop(execution)
    ended = backfill.run(run=execution.rpartition(":")[2])
    assert (ended.report["complete"], ended.report["items"]) == (True, ITEMS)
