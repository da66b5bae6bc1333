"""The whole pipeline with a real Kafka and registry and a local S3."""

import json
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from boto3.dynamodb.types import TypeSerializer
from confluent_kafka.schema_registry import SchemaRegistryClient

from local.servers.stack import RunningStack
from tests.support.execution_environment import start_environment
from tests.support.function import Function
from tests.support.records import FIRST_NUMBER, Json, to_item, to_record, to_unreadable_record

DONE: dict[str, list[Any]] = {"batchItemFailures": []}


@pytest.fixture
def function(stack: RunningStack, topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Function:
    """Create the function with its own topic, subject and bucket."""
    bucket = f"failures-{uuid4().hex[:12]}"
    stack.clients.s3.create_bucket(Bucket=bucket)
    environ = {
        "KAFKA_BROKER_URL": stack.kafka,
        "SCHEMA_REGISTRY": stack.registry,
        "AUTO_REGISTER_SCHEMAS": "true",
        "TOPIC_NAME": topic(partitions=4),
        "FAILURE_BUCKET": bucket,
        "AWS_ENDPOINT_URL": stack.aws,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def load(settings: dict[str, str]) -> ModuleType:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return start_environment()

    return Function(stack, environ, load)


class Put(NamedTuple):
    """An item that API code wrote before it called the former publisher."""

    key: str
    entity: str
    category: str
    data: Json
    compute_id: str | None = None

    def make_record(self, number: int) -> Json:
        """Make the stream record of the item."""
        time = "2025-10-10T12:34:56.789Z"
        keys = {self.key: self.entity, "category": self.category}
        metadata = {"created_at": time, "updated_at": time, "compute_id": self.compute_id}
        item = keys | {"features": {"data": self.data, "meta": metadata}}
        serialize = TypeSerializer().serialize
        record = to_record(number)
        record["dynamodb"]["Keys"] = {name: serialize(value) for name, value in keys.items()}
        record["dynamodb"]["NewImage"] = {name: serialize(value) for name, value in item.items()}
        return record

    def make_former_event(self) -> dict[str, Any]:
        """Make the event that the former `publish_feature_availability_event` sent for the item."""
        return {
            "entity_type": self.key,
            "entity_id": self.entity,
            "resource_type": "feature",
            "resource_name": self.category,
            "event_type": "feature_available",
            "features": set(self.data),
            **({"compute_id": self.compute_id} if self.compute_id else {}),
        }


PUTS = [
    Put("bright_uid", "user-123", "user_features", {"age": 34, "income": Decimal("85000.50"), "city": "Pune"}),
    Put("bright_uid", "user-124", "d0_unauth_features", {"score": Decimal("0.1")}, "spark-0042"),
    Put("account_pid", "acc-9", "loans", {"overdue": False, "history": [1, 2], "ratios": {"a": None}}),
    Put("account_pid", "acc-9", "cards", {"limit_90d": Decimal(10) ** 37}, "uuid"),
]


def test_pipeline__sends_what_the_former_publisher_sent(function: Function) -> None:
    """An item of the former API code produces an event that equals the one that this code published."""
    assert function([put.make_record(number) for number, put in enumerate(PUTS)]) == DONE
    expected = [put.make_former_event() for put in PUTS]
    by_name = {(event["entity_id"], event["resource_name"]): event for event in function.events()}
    assert len(by_name) == len(expected)
    for former in expected:
        event = by_name[former["entity_id"], former["resource_name"]]
        assert {name: event[name] for name in former} == {**former, "features": event["features"]}
        assert set(event["features"]) == former["features"]


def test_pipeline__dead_letters_one_bad_record_of_a_thousand(function: Function) -> None:
    """The 999 others are delivered in order. The bad one is in S3 with payload and reason, and is not reported."""
    records = [to_record(number, entity=f"user-{number % 50}") for number in range(1000)]
    records[500] = to_unreadable_record(500)
    assert function(records) == DONE
    numbers: dict[bytes, list[int]] = {}
    for message in function.messages():
        numbers.setdefault(message.key, []).append(int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER)
    assert sorted(number for each in numbers.values() for number in each) == [*range(500), *range(501, 1000)]
    assert all(each == sorted(each) for each in numbers.values())
    [letter] = function.dead_letters()
    assert letter["record"] == records[500]
    assert letter["reason"] == "features.data: features is not a map"


def test_pipeline__registers_and_finds_its_schema(function: Function, stack: RunningStack) -> None:
    """The schema is registered once. A function that only looks it up finds the same id, by text or by version."""
    assert function([to_record(0)]) == DONE
    client = SchemaRegistryClient({"url": stack.registry})
    latest = client.get_latest_version(f"{function.environ['TOPIC_NAME']}-value")
    for settings in ({}, {"SCHEMA_VERSION": "latest"}, {"SCHEMA_VERSION": "1"}, {"SCHEMA_ID": str(latest.schema_id)}):
        function.environ |= {"AUTO_REGISTER_SCHEMAS": "false", "SCHEMA_VERSION": "", "SCHEMA_ID": "", **settings}
        function.restart()
        assert function([to_record(1)]) == DONE
    ids = {int.from_bytes(message.value[1:5]) for message in function.messages()}
    assert ids == {latest.schema_id}
    assert len(client.get_versions(f"{function.environ['TOPIC_NAME']}-value")) == 1


def to_large_item() -> Json:
    """Make an item of DynamoDB's maximum size, 400 KB, with 2,000 features of all types and with unusual names."""
    values: list[Json] = [
        {"N": "9" * 38},
        {"N": "0." + "0" * 37 + "1"},
        {"B": "AAECAwQFBgc="},
        {"S": ""},
        {"S": "🦊" * 40},
        {"L": [{"M": {'quote"s': {"NULL": True}}}]},
        {"SS": ["a", "b"]},
    ]
    names = [f'feature "{number}" 🚀 {"x" * 160}' for number in range(1999)] + [""]
    item = to_item()
    item["features"]["M"]["data"]["M"] = {name: values[number % 7] for number, name in enumerate(names)}
    return item


@pytest.mark.parametrize("entity", [{"S": '🦊 "quoted" \n'}, {"B": "AAECAw=="}, {"N": "9" * 38}])
def test_pipeline__accepts_every_item_that_dynamodb_accepts(function: Function, entity: Json) -> None:
    """Items at DynamoDB's limits, with any names and keys, produce events."""
    record = to_record(item=to_large_item())
    assert len(json.dumps(record, ensure_ascii=False).encode()) > 400_000
    record["dynamodb"]["Keys"]["bright_uid"] = entity
    assert function([record]) == DONE
    [event] = function.events()
    assert event["entity_id"] == next(iter(entity.values()))
    assert event["features"] == list(record["dynamodb"]["NewImage"]["features"]["M"]["data"]["M"])
    assert function.dead_letters() == []
