"""One function publishes the events of tables with different layouts, live and by a redrive."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.servers.topic import Received
from tests.support.avro import read_avro
from tests.support.topics import read_topic, wait_for_topic
from tests.template.deployment.account import Account, wait_until

DEFAULT = {
    "keys": {"{entity_type}": "{entity_id}", "category": "{resource_name}"},
    "features": "features.data",
    "updated_at": "features.meta.updated_at",
    "compute_id": "features.meta.compute_id",
}
SINGLE = {
    "keys": {"pk": "USER#{entity_id}", "sk": "FEATURES#{resource_name}"},
    "entity_type": "user",
    "features": "features",
    "updated_at": {"path": "written_ms", "unit": "ms"},
}
LATEST = {
    "keys": {"customer": "{entity_id}", "version": "LATEST"},
    "entity_type": "customer",
    "resource_name": "churn",
    "features": {"except": ["ttl"]},
    "updated_at": "scored_at",
    "compute_id": "run",
}
WRITTEN, WRITTEN_MS = "2026-01-02T03:04:05.678Z", 1767323045678
MANY = {f"feature_{number:03}": 1 for number in range(200)}
"""Features whose names exceed the topic's limit."""

type Json = dict[str, Any]


class Team(NamedTuple):
    """A table with its layout: a function that makes its items, and what its events contain."""

    table: str
    make_item: Callable[[str, Json], Json]
    expected: tuple[str, str, str]
    """The entity type, resource name and compute id of its events."""

    def expect(self, entity: str, features: Iterable[str]) -> tuple[str, ...]:
        """Return the expected contents of an event of this entity."""
        kind, resource, compute_id = self.expected
        return (kind, entity, resource, compute_id, WRITTEN, *sorted(features))


def make_default_item(entity: str, features: Json) -> Json:
    """Make an item of the default layout."""
    meta = {"updated_at": WRITTEN, "compute_id": "run-1"}
    return {"device_id": entity, "category": "health", "features": {"data": features, "meta": meta}}


def make_single_item(entity: str, features: Json) -> Json:
    """Make an item of a single-table design."""
    return {"pk": f"USER#{entity}", "sk": "FEATURES#spending", "features": features, "written_ms": WRITTEN_MS}


def make_latest_item(entity: str, features: Json) -> Json:
    """Make an item whose attributes are features. Older versions are in the same table."""
    return {"customer": entity, "version": "LATEST", "scored_at": WRITTEN, "run": "run-2", **features}


def read_event(message: Received) -> tuple[str, ...]:
    """Return the contents of an event, in the order of `Team.expect`."""
    event = read_avro(SHIPPED_SCHEMA).read(message.value[5:])
    names = ("entity_type", "entity_id", "resource_name", "compute_id", "timestamp")
    return (*[event[name] for name in names], *sorted(event["features"]))


@pytest.fixture
def reject_large(limit_size: Callable[[str, int], None]) -> Callable[[str, Callable[[], None]], None]:
    """Return a function that runs `work` while a topic rejects large events."""

    def limited(name: str, work: Callable[[], None]) -> None:
        limit_size(name, 1000)
        work()
        limit_size(name, 1_000_000)

    return limited


@pytest.fixture
def teams(account: Account) -> list[Team]:
    """Create three tables with different layouts."""
    keys = ("device_id", "category"), ("pk", "sk"), ("customer", "version")
    (devices,), (app,), (scores,) = [account.make_tables(1, each) for each in keys]
    return [
        Team(devices, make_default_item, ("device_id", "health", "run-1")),
        Team(app, make_single_item, ("user", "spending", "")),
        Team(scores, make_latest_item, ("customer", "churn", "run-2")),
    ]


def write(account: Account, teams: Iterable[Team]) -> list[tuple[str, ...]]:
    """Write new and changed items, and two items of other kinds. Return the contents of the expected events."""
    expected = []
    for team in teams:
        put = account.stack.clients.tables.Table(team.table).put_item
        put(Item=team.make_item("first", {"a": 1, "b": 1}))
        put(Item=team.make_item("first", {"a": 1, "b": 2}) | {"ttl": 1})
        put(Item=team.make_item("first", {"a": 1, "b": 2}) | {"ttl": 2})
        put(Item=team.make_item("second", {"c": 1}))
        expected += [team.expect("first", "ab"), team.expect("first", "b"), team.expect("second", "c")]
    _, app, scores = teams
    account.stack.clients.tables.Table(app.table).put_item(Item={"pk": "ORDER#1", "sk": "FEATURES#spending"})
    account.stack.clients.tables.Table(scores.table).put_item(Item={"customer": "first", "version": "TS#1", "a": 1})
    return sorted(expected)


def test_tables_of_three_layouts__produce_exactly_their_events(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    teams: list[Team],
    reject_large: Callable[[str, Callable[[], None]], None],
) -> None:
    """With `FeaturesMode=changed`, other items produce no events. A redrive sends the events that Kafka rejected."""
    name, stack = topic(), "three-layouts"
    layouts = [layout | {"table": team.table} for layout, team in zip((DEFAULT, SINGLE, LATEST), teams, strict=True)]
    tables = [account.stack.clients.dynamodb.describe_table(TableName=team.table)["Table"] for team in teams]
    parameters = {
        "TopicName": name,
        "TableLayouts": json.dumps(layouts),
        "FeaturesMode": "changed",
        "KafkaCompression": "none",
    }
    remove(stack)
    streams = [table["LatestStreamArn"] for table in tables]
    bucket = account.deploy_with(stack, streams, parameters).outputs["FailureBucketName"]
    expected = write(account, teams)
    assert sorted(map(read_event, wait_for_topic(account.stack.kafka, name, len(expected)))) == expected

    def write_large() -> None:
        for team in teams:
            account.stack.clients.tables.Table(team.table).put_item(Item=team.make_item("large", MANY))
        wait_until(lambda: account.read_keys(bucket, "dead-letters/"), len(teams))

    reject_large(name, write_large)
    report = account.redrive(stack, prefix="dead-letters/")
    assert (report["complete"], report["delivered"], report["moved"]) == (True, len(teams), len(teams))
    redriven = read_topic(account.stack.kafka, name)[len(expected) :]
    assert sorted(map(read_event, redriven)) == sorted(team.expect("large", MANY) for team in teams)
