"""Tables of several layouts on one deployed function give exactly their events, and so do their dead letters."""

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
"""Features whose names alone are more than the topic takes."""

type Json = dict[str, Any]


class Team(NamedTuple):
    """A table, and how its team writes an item of these features into it."""

    table: str
    to_item: Callable[[str, Json], Json]
    expected: tuple[str, str, str]
    """Type, resource and compute id of its events."""

    def expect(self, entity: str, features: Iterable[str]) -> tuple[str, ...]:
        """What an event of this entity must say."""
        kind, resource, compute_id = self.expected
        return (kind, entity, resource, compute_id, WRITTEN, *sorted(features))


def to_default_item(entity: str, features: Json) -> Json:
    """As this project's own tables have it."""
    meta = {"updated_at": WRITTEN, "compute_id": "run-1"}
    return {"device_id": entity, "category": "health", "features": {"data": features, "meta": meta}}


def to_single_item(entity: str, features: Json) -> Json:
    """In a single-table design."""
    return {"pk": f"USER#{entity}", "sk": "FEATURES#spending", "features": features, "written_ms": WRITTEN_MS}


def to_latest_item(entity: str, features: Json) -> Json:
    """Flat, beside an archive."""
    return {"customer": entity, "version": "LATEST", "scored_at": WRITTEN, "run": "run-2", **features}


def read_event(message: Received) -> tuple[str, ...]:
    """What the event of a message says, in the order of `Team.expect`."""
    event = read_avro(SHIPPED_SCHEMA).read(message.value[5:])
    names = ("entity_type", "entity_id", "resource_name", "compute_id", "timestamp")
    return (*[event[name] for name in names], *sorted(event["features"]))


@pytest.fixture
def limit_refused(limit_size: Callable[[str, int], None]) -> Callable[[str, Callable[[], None]], None]:
    """Lets a topic refuse large events while something is done."""

    def limited(name: str, work: Callable[[], None]) -> None:
        limit_size(name, 1000)
        work()
        limit_size(name, 1_000_000)

    return limited


@pytest.fixture
def teams(account: Account) -> list[Team]:
    """Three tables that were there before, each of another layout."""
    keys = ("device_id", "category"), ("pk", "sk"), ("customer", "version")
    (devices,), (app,), (scores,) = [account.make_tables(1, each) for each in keys]
    return [
        Team(devices, to_default_item, ("device_id", "health", "run-1")),
        Team(app, to_single_item, ("user", "spending", "")),
        Team(scores, to_latest_item, ("customer", "churn", "run-2")),
    ]


def write(account: Account, teams: Iterable[Team]) -> list[tuple[str, ...]]:
    """New items, one with a feature changed, and two of other kinds; what their events must say."""
    expected = []
    for team in teams:
        put = account.stack.clients.tables.Table(team.table).put_item
        put(Item=team.to_item("first", {"a": 1, "b": 1}))
        put(Item=team.to_item("first", {"a": 1, "b": 2}) | {"ttl": 1})
        put(Item=team.to_item("first", {"a": 1, "b": 2}) | {"ttl": 2})
        put(Item=team.to_item("second", {"c": 1}))
        expected += [team.expect("first", "ab"), team.expect("first", "b"), team.expect("second", "c")]
    _, app, scores = teams
    account.stack.clients.tables.Table(app.table).put_item(Item={"pk": "ORDER#1", "sk": "FEATURES#spending"})
    account.stack.clients.tables.Table(scores.table).put_item(Item={"customer": "first", "version": "TS#1", "a": 1})
    return sorted(expected)


def test_tables_of_three_layouts__give_exactly_their_events(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    teams: list[Team],
    limit_refused: Callable[[str, Callable[[], None]], None],
) -> None:
    """Under `changed`: what is new, what changed, nothing of other items, and by the redrive what Kafka refused."""
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
            account.stack.clients.tables.Table(team.table).put_item(Item=team.to_item("large", MANY))
        wait_until(lambda: account.read_keys(bucket, "dead-letters/"), len(teams))

    limit_refused(name, write_large)
    report = account.redrive(stack, prefix="dead-letters/")
    assert (report["complete"], report["delivered"], report["moved"]) == (True, len(teams), len(teams))
    again = read_topic(account.stack.kafka, name)[len(expected) :]
    assert sorted(map(read_event, again)) == sorted(team.expect("large", MANY) for team in teams)
