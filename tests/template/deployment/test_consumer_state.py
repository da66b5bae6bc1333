"""Consumers in all languages have the table's state after writes, deletions, a backfill, redrives and duplicates."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import make_consumer_settings, read_consumers
from local.application.deployment import Deployment
from local.servers.topic import Received
from tests.consumers.keep_state import LANGUAGES, PositionedEvent, keep_in
from tests.support.avro import read_avro
from tests.support.consumers import LIMIT, print_state, run_example, start
from tests.support.topics import read_topic
from tests.support.web_server import Answer, run_scripted_server
from tests.template.deployment.account import WAIT, Account, wait_until

pytestmark = pytest.mark.toolchain

NAME = "consumed"
ENTITIES = 12
LARGE = [f"feature_{number}" for number in range(200)]
"""More features than the limited topic accepts in one message."""
AVRO = read_avro(SHIPPED_SCHEMA)

type Features = dict[str, list[str]]
"""The available features of each item."""


class Writer:
    """Writes the items of one table. An item has an entity and a category, such as `3/health`."""

    def __init__(self, account: Account, table: str) -> None:
        self._table = account.stack.clients.tables.Table(table)

    def put(self, item: str, *features: str) -> None:
        """Write an item, or one without features."""
        data = {"features": {"data": dict.fromkeys(features, 5), "meta": {}}} if features else {"note": "empty"}
        self._table.put_item(Item={**self._to_key(item), **data})

    def delete(self, item: str) -> None:
        """Delete an item."""
        self._table.delete_item(Key=self._to_key(item))

    def read_state(self) -> Features:
        """Return the available features of every item that has some."""
        items: list[Any] = self._table.scan(ConsistentRead=True)["Items"]
        found = {f"{each['device_id']}/{each['category']}": each for each in items if "features" in each}
        return {name: sorted(each["features"]["data"]) for name, each in found.items()}

    @staticmethod
    def _to_key(item: str) -> dict[str, str]:
        return dict(zip(("device_id", "category"), item.split("/"), strict=True))


class Consumed:
    """A deployed application, its table and its topic."""

    def __init__(self, account: Account, deployed: Deployment, stream: str, topic: str) -> None:
        self.writer = Writer(account, stream.split("/")[1])
        self._account = account
        self._deployed = deployed
        self._stream = stream
        self._topic = topic
        self._bucket = deployed.outputs["FailureBucketName"]

    @property
    def dead_letters(self) -> set[str]:
        """The keys of the dead letters."""
        return self._account.read_keys(self._bucket, "dead-letters/")

    def backfill(self) -> None:
        """Announce all items, while some are written."""
        states = self._account.stack.clients.states
        request = {"table": self._stream.split("/")[1], "segments": 2, "workers": 2, "events_per_second": 20}
        machine = self._deployed.outputs["BackfillStateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine, input=json.dumps(request))["executionArn"]
        self.writer.put("0/health", "during_backfill")
        self.writer.delete("1/health")
        end = time.monotonic() + 4 * WAIT
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < end, "the backfill is still running"
            time.sleep(0.2)
        assert found["status"] == "SUCCEEDED", found

    def redrive(self, **request: object) -> Any:  # noqa: ANN401  # JSON
        """Redrive all dead letters, and return the report."""
        report = self._account.redrive(NAME, prefix="dead-letters/", **request)
        assert report["complete"], report
        return report

    def resend(self) -> None:
        """Pass every record of the stream to the function again, as after a failed batch."""
        client = self._account.client("dynamodbstreams")
        (shard,) = client.describe_stream(StreamArn=self._stream)["StreamDescription"]["Shards"]
        iterator = client.get_shard_iterator(
            StreamArn=self._stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records = client.get_records(ShardIterator=iterator)["Records"]
        for each in records:
            each["eventSourceARN"] = self._stream
            each["dynamodb"]["ApproximateCreationDateTime"] = each["dynamodb"][
                "ApproximateCreationDateTime"
            ].timestamp()
        event = json.dumps({"Records": records})
        answer = self._account.stack.clients.functions.invoke(FunctionName=self._deployed.function, Payload=event)
        assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}

    def make_settings(self, registry: str) -> dict[str, str]:
        """Make the environment variables of an example that reads the topic."""
        return make_consumer_settings(self._account.stack.kafka, registry, self._topic)

    def read_messages(self) -> list[Received]:
        """Read the topic."""
        return read_topic(self._account.stack.kafka, self._topic)

    def wait_for(self, entity: str) -> None:
        """Wait for an event of this entity. The stream delivers it after those of all earlier writes."""
        wait_until(lambda: [each for each in self.read_messages() if each.key == entity.encode()], 1)


def to_positioned(message: Received) -> PositionedEvent:
    """Convert a message to the input of the languages' programs."""
    headers = {name: text.decode() for name, text in message.headers}
    event = AVRO.read(message.value[5:])
    item = f"{event['entity_id']}/{event['resource_name']}"
    return PositionedEvent(item, message.timestamp_ms, headers.get("ce_sequence"), message.offset, event)


def find_available(state: Mapping[str, Mapping[str, Any]]) -> Features:
    """Return the available features of each item from its current event."""
    available = {item: event for item, event in state.items() if event["event_type"] == "feature_available"}
    return {item: sorted(event["features"]) for item, event in available.items()}


@pytest.fixture(scope="module")
def consumed(account: Account, topic: Callable[..., str], limit_size: Callable[[str, int], None]) -> Iterator[Consumed]:
    """Deploy the application, and make changes of every kind."""
    name = topic(partitions=2)
    ((_, stream),) = account.make_tables(1).items()
    parameters = {"TopicName": name, "KafkaCompression": "none", "Removals": "events"}
    found = Consumed(account, account.deploy_with(NAME, [stream], parameters), stream, name)
    writer = found.writer
    for number in range(ENTITIES):
        for category in ("health", "usage"):
            writer.put(f"{number}/{category}", "a", f"b{number}")
    for number in range(0, ENTITIES, 3):
        writer.put(f"{number}/health", "c")
        writer.delete(f"{number}/usage")
    writer.put("3/usage", "recreated")
    writer.put("4/usage")  # emptied
    found.wait_for("11")

    limit_size(name, 1000)
    for entity in ("current", "overwritten", "deleted"):
        writer.put(f"{entity}/health", *LARGE)
    assert len(wait_until(lambda: found.dead_letters, 3)) == 3
    limit_size(name, 1_000_000)
    writer.put("overwritten/health", "a")
    writer.delete("deleted/health")
    writer.put("written/health", "a")
    found.wait_for("written")

    found.backfill()
    assert (report := found.redrive())["stale"] == 2, report
    found.resend()
    assert found.redrive(force=True)["delivered"] == 2
    writer.put("last/health", "a")
    found.wait_for("last")
    yield found
    account.delete(NAME)


def test_topic__contains_what_makes_the_state_hard(consumed: Consumed) -> None:
    """It has removals, backfilled events and duplicates, and the last event of some items is not the current one."""
    messages = consumed.read_messages()
    events = [to_positioned(each) for each in messages]
    ids = [each.event["event_id"] for each in events]
    assert len(ids) > len(set(ids))
    assert {each.event["event_type"] for each in events} == {"feature_available", "feature_unavailable"}
    assert any("ce_backfill" in dict(each.headers) for each in messages)
    last, current = find_available({each.item: each.event for each in events}), consumed.writer.read_state()
    assert {item for item in last | current if last.get(item) != current.get(item)} == {
        "overwritten/health",
        "deleted/health",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_consumer__has_the_state_of_the_table(consumed: Consumed, language: str, tmp_path: Path) -> None:
    """Absent items and items without features have no available features."""
    events = [to_positioned(each) for each in consumed.read_messages()]
    state = find_available(keep_in(language, events, tmp_path))
    assert state == consumed.writer.read_state()
    assert len(state) > ENTITIES


def test_current_state__prints_the_table(consumed: Consumed, tmp_path: Path) -> None:
    """The example is stopped after some lines, and continues from there."""
    with run_scripted_server() as server:
        server.script = [Answer.of(200, {"schema": SHIPPED_SCHEMA})]
        settings = {**consumed.make_settings(server.url), "STATE_FILE": str(tmp_path / "state")}
        run_example("current-state", settings, ENTITIES, tmp_path / "first")
        example, number = read_consumers()["current-state"], len(consumed.read_messages())
        with (tmp_path / "log").open("w") as log, start(example.run, example.directory, settings, log) as running:
            end = time.monotonic() + LIMIT
            while count_read(settings["STATE_FILE"]) < number and time.monotonic() < end:
                time.sleep(0.2)
            running.terminate()
    printed = {
        f"{each['entity_id']}/{each['resource_name']}": sorted(each["features"]) for each in print_state(settings)
    }
    assert printed == consumed.writer.read_state()


def count_read(path: str) -> int:
    """Return how many messages a state file contains."""
    with closing(sqlite3.connect(path)) as database:
        [(number,)] = database.execute("SELECT sum(next) FROM offsets")
    return int(number)
