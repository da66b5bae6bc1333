"""The commands for a running stack: an outage of Kafka, a dead letter that is redriven, and the trace of an item."""

import io
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from local.application import deployment
from local.application.feature_tables import ACCOUNTS, KEYS, USERS
from local.commands import background, pause, put_and_tail, redrive, trace
from local.demo.feature_writes import make_features, make_item
from local.demo.summary import read_function_log
from local.errors import LocalError
from local.paths import ROOT
from local.servers.stack import RunningStack, Stack
from local.servers.topic import TOPIC
from local.trials.layouts_file import read_layouts_text
from tests.support.avro import read_avro
from tests.support.topics import read_topic, wait_for_topic

AVRO = read_avro((ROOT / "schemas" / "feature_trigger.avsc").read_text())
DEAD_LETTERS = {"prefix": "dead-letters/"}
PERSON = "person-4711-"
"""The start of the entity ids of the traced items, and of nothing else."""


@pytest.fixture(scope="module", autouse=True)
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start a stack with the application, as `make up` does. The commands find this stack."""
    directory = tmp_path_factory.mktemp("up") / "stack"
    with pytest.MonkeyPatch.context() as patch, Stack(directory) as stack:
        patch.setattr(background, "DEFAULT_STACK", directory)
        deployment.set_up(stack)
        stack.write_record()
        # Shorter than the pause, so that an attempt fails and is retried
        environment = stack.clients.functions.get_function_configuration(FunctionName="feature-events")["Environment"]
        variables = {**environment["Variables"], "DELIVERY_TIMEOUT_MS": "2000"}
        stack.clients.functions.update_function_configuration(
            FunctionName="feature-events", Environment={"Variables": variables}
        )
        with background.find_running() as running:
            yield running


@pytest.fixture
def console() -> Console:
    """Return a console that records its output."""
    return Console(file=io.StringIO(), width=150)


def read(console: Console) -> str:
    """Return the printed text."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_put__produces_an_event(running: RunningStack, console: Console) -> None:
    """The event names the feature that was written."""
    assert put_and_tail.put(console, is_bad=False) == 0
    [event] = wait_for_topic(running.kafka, TOPIC, 1)
    assert AVRO.read(event.value[5:])["features"] == [put_and_tail.FEATURE]
    assert "wrote to user_feature_store: bright_uid u-1" in read(console)


def test_pause__delays_events_and_loses_none(running: RunningStack, console: Console) -> None:
    """A write during the pause is reported as undelivered, and its event arrives after the pause."""
    before = {event.headers for event in read_topic(running.kafka, TOPIC)}
    write = threading.Timer(1, lambda: put_and_tail.put(Console(file=io.StringIO()), is_bad=False))
    write.start()
    assert pause.pause(console, 8) == 0
    write.join()
    assert "paused Kafka for 8 s" in read(console)
    assert "user_feature_store: 1 of 1 records undelivered; Lambda retries them" in read(console)
    assert "Kafka runs again after 8 s" in read(console)
    end = time.monotonic() + 60
    while {event.headers for event in read_topic(running.kafka, TOPIC)} == before:
        assert time.monotonic() < end, "the event did not arrive"


def test_pause__ends_on_ctrl_c(running: RunningStack, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka is resumed before the command ends."""

    def interrupt(*_: object) -> Iterator[str]:
        assert all(broker.is_suspended() for broker in running.brokers)
        raise KeyboardInterrupt

    monkeypatch.setattr(pause.FunctionLog, "read", interrupt)
    assert pause.pause(console, 600) == 0
    assert not any(broker.is_suspended() for broker in running.brokers)
    assert "Kafka runs again" in read(console)


def test_pause__refuses_a_second_pause(
    running: RunningStack, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of one pause would end the other one too."""

    def nest(*_: object) -> Iterator[str]:
        with pytest.raises(LocalError, match="Kafka is already paused") as raised:
            pause.pause(console, 600)
        assert raised.value.__notes__ == ["Kafka is paused by `make pause`; try again when it runs"]
        return iter(())

    monkeypatch.setattr(pause.FunctionLog, "read", nest)
    assert pause.pause(console, 1) == 0
    assert not any(broker.is_suspended() for broker in running.brokers)


def test_bad_item__is_delivered_by_a_redrive_after_the_fix(running: RunningStack, console: Console) -> None:
    """The record is poison under the deployed layouts. After a deployment of the fixed ones, a redrive delivers it."""
    before = len(read_topic(running.kafka, TOPIC))
    put_and_tail.put(console, is_bad=True)
    bucket = deployment.find_deployment(running).outputs["FailureBucketName"]
    end = time.monotonic() + 60
    while not running.clients.s3.list_objects_v2(Bucket=bucket, Prefix="dead-letters/").get("Contents"):
        assert time.monotonic() < end, "the record was not dead-lettered"
        time.sleep(0.2)
    redrive.redrive(console, DEAD_LETTERS)
    assert "features.data: data is not a map" in read(console)
    deployment.deploy_with_tables(running, layouts=read_layouts_text("local/application/fixed_layouts.json"))
    redrive.redrive(console, DEAD_LETTERS)
    assert "delivered  1" in read(console)
    event = wait_for_topic(running.kafka, TOPIC, before + 1)[-1]
    assert AVRO.read(event.value[5:])["features"] == [put_and_tail.BAD_FEATURE]


def trace_item(running: RunningStack, entity: str, **request: object) -> Mapping[str, Any]:
    """Trace the item of an entity with the deployed function, and return the report."""
    key = dict(zip(KEYS[USERS], (entity, "spending"), strict=True))
    body = {"trace": {"table": USERS, "key": key, **request}}
    return redrive.invoke(running.clients.functions, "feature-events-backfill", body)


def wait_for_verdict(running: RunningStack, entity: str, verdict: str) -> Mapping[str, Any]:
    """Trace the item of an entity until it has this verdict."""
    end = time.monotonic() + 60
    while (report := trace_item(running, entity))["verdict"] != verdict:
        assert time.monotonic() < end, report["reason"]
        time.sleep(0.5)
    return report


def write(running: RunningStack, entity: str, feature: str, table: str = USERS) -> None:
    """Write an item with one feature."""
    item = make_item(table, entity, "spending", make_features({feature: 1}, "run-1"))
    running.clients.tables.Table(table).put_item(Item=item)


def enable_mapping(running: RunningStack, *, is_enabled: bool) -> None:
    """Let the function read the stream of the traced items' table, or not."""
    functions = running.clients.functions
    for each in functions.list_event_source_mappings(FunctionName="feature-events")["EventSourceMappings"]:
        if f"table/{USERS}/stream" in each["EventSourceArn"]:
            functions.update_event_source_mapping(UUID=each["UUID"], Enabled=is_enabled)


def stop_reading(running: RunningStack) -> None:
    """Let the function stop reading the stream of the traced items' table, and wait until earlier reads have ended.

    The server reads one stream after the other. So they have ended once a later write to another table is in the topic.
    """
    enable_mapping(running, is_enabled=False)
    for _ in range(2):
        before = len(read_topic(running.kafka, TOPIC))
        write(running, "a-1", f"signal-{before}", ACCOUNTS)
        wait_for_topic(running.kafka, TOPIC, before + 1)


def test_trace__compares_an_item_with_the_topic(running: RunningStack) -> None:
    """It distinguishes items that are announced, outdated, missing and removed."""
    write(running, f"{PERSON}1", "first")
    report = wait_for_verdict(running, f"{PERSON}1", "announced")
    assert report["event"]["features"] == report["current"]["features"] == ["first"]
    stop_reading(running)
    write(running, f"{PERSON}1", "second")
    write(running, f"{PERSON}2", "first")
    outdated, missing = trace_item(running, f"{PERSON}1"), trace_item(running, f"{PERSON}2")
    assert outdated["verdict"] == "outdated"
    assert "differs from the item in features and timestamp" in outdated["reason"]
    assert (missing["verdict"], missing["events"]) == ("missing", [])
    key = dict(zip(KEYS[USERS], (f"{PERSON}1", "spending"), strict=True))
    running.clients.tables.Table(USERS).delete_item(Key=key)
    removed = trace_item(running, f"{PERSON}1")
    assert (removed["verdict"], removed["no_event"]) == ("outdated", "absent")
    enable_mapping(running, is_enabled=True)
    assert len(wait_for_verdict(running, f"{PERSON}2", "announced")["events"]) == 1
    removed = wait_for_verdict(running, f"{PERSON}1", "announced")
    assert removed["current"]["event_type"] == "feature_unavailable"
    assert len(removed["events"]) == 3


def test_trace__logs_no_entity_id(running: RunningStack) -> None:
    """The report is only for the caller. Lambda logs errors, so they repeat no key."""
    with pytest.raises(LocalError, match="the table's key is bright_uid and category"):
        trace_item(running, f"{PERSON}1", key={"bright_uid": f"{PERSON}1", "other": f"{PERSON}1"})
    log = read_function_log(running.clients, "feature-events-backfill")
    assert any('"message":"item traced"' in line for line in log)
    assert [line for line in log if PERSON in line] == []


def test_trace__prints_the_report(running: RunningStack, console: Console) -> None:
    """The command traces the item that `make put` writes, unless another one is named."""
    put_and_tail.put(Console(file=io.StringIO()), is_bad=False)
    wait_for_verdict(running, put_and_tail.ENTITY, "announced")
    assert trace.parse_and_trace(console, {"table": USERS, "key": trace.PUT_KEY}) == 0
    assert "it says now     feature_available: txn_count_30d" in read(console)
    assert "announced: the current event matches the item" in read(console)
    with pytest.raises(LocalError, match="KEY is not JSON"):
        trace.parse_and_trace(console, {"table": USERS, "key": "u-1"})


def test_fixed_layouts__contain_the_deployed_ones() -> None:
    """The fix adds one layout, and every other item keeps its layout."""
    folder = ROOT / "schemas" / "table_layouts"
    shipped = [
        layout for name in ("default", "single_table") for layout in json.loads((folder / f"{name}.json").read_text())
    ]
    fixed = json.loads((ROOT / "local" / "application" / "fixed_layouts.json").read_text())
    assert fixed[1:] == shipped


def test_tail__ends_if_kafka_dies(running: RunningStack, console: Console) -> None:
    """The command that waits for events does not wait forever."""
    (broker,) = running.brokers
    kill = threading.Timer(3, lambda: broker.send(signal.SIGKILL))
    kill.start()
    with pytest.raises(LocalError, match="kafka-0 has died"):
        put_and_tail.tail(console)
    kill.join()


@pytest.mark.parametrize(
    "command",
    [
        lambda console: put_and_tail.put(console, is_bad=False),
        put_and_tail.tail,
        lambda console: pause.pause(console, 600),
        lambda console: redrive.redrive(console, DEAD_LETTERS),
    ],
    ids=["put", "tail", "pause", "redrive"],
)
def test_commands__say_that_kafka_has_died(
    running: RunningStack, console: Console, command: Callable[[Console], int]
) -> None:
    """The error names the log of Kafka, and says how to start a new stack."""
    (broker,) = running.brokers
    broker.send(signal.SIGKILL)
    with pytest.raises(LocalError) as raised:
        command(console)
    log = running.directory / "logs" / "kafka-0.log"
    assert str(raised.value) == f"kafka-0 has died; its log is {log}; start a new stack with `make down` and `make up`"
    assert log.exists()
