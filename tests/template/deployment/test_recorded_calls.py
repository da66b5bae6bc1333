"""Roles allow all calls of the deployed functions. The calls are recorded while the functions do all their work."""

import json
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import pytest

from local.application.deployment import Deployment
from tests.support.topics import wait_for_topic
from tests.template.deployment.account import Account, to_table_arn, wait_until
from tests.template.recorded_calls import find_denied

NAME = "recorded"
PREFIX = "recorded_"
OWN = {f"{PREFIX}user_feature_store": "bright_uid", f"{PREFIX}account_feature_store": "account_pid"}
PERSON = "person-of-"
"""The prefix of every entity id."""
LARGE = [f"feature_{number}" for number in range(200)]
BATCH = "aws/lambda/mapping/shard/2026/01/01/batch"
LIMIT_SECONDS = 60.0


class Recorded(NamedTuple):
    """An application whose functions have checked, published, redriven and backfilled."""

    account: Account
    deployed: Deployment

    def find_broken(self, function: str, changes: dict[str, dict[str, Any]]) -> list[str]:
        """Return the permissions that the recorded calls lack after a change of statements of the role."""
        role = self.account.calls.get_role(f"{NAME}{function}")
        documents: Any = deepcopy(role.documents)
        for statement in documents[0]["Statement"]:
            statement.update(changes.get(statement["Sid"], {}))
        denied = find_denied(documents, self.account.calls.read(f"{NAME}{function}"), role.account)
        return sorted({f"{right.action} {right.resource.rpartition(':')[2]}" for right in denied})


@pytest.fixture(scope="module")
def recorded(account: Account, topic: Callable[..., str], limit_size: Callable[[str, int], None]) -> Iterator[Recorded]:
    """Deploy an application with its own tables and an attached one, and let its functions work."""
    name = topic()
    ((table, stream),) = account.make_tables(1).items()
    parameters = {
        "OwnTables": "true",
        "TableNamePrefix": PREFIX,
        "TopicName": name,
        "KafkaCompression": "none",
        "TableArns": to_table_arn(stream),
    }
    deployed = account.deploy(NAME, parameters)
    account.attach(NAME, stream)
    bucket = deployed.outputs["FailureBucketName"]
    assert account.check(NAME)["ok"]
    assert account.check(NAME, table)["ok"]
    limit_size(name, 1000)
    publish(account, bucket, {table: "device_id", **OWN})
    batch = account.redrive(NAME, prefix="aws/lambda/")
    assert (batch["poison"], batch["moved"]) == (1, 1), batch
    limit_size(name, 1_000_000)
    redrive(account, bucket, table)
    backfill(account, deployed, (table, *OWN))
    assert len(wait_for_topic(account.stack.kafka, name, 12)) >= 12
    yield Recorded(account, deployed)
    account.delete(NAME)
    account.delete_tables(PREFIX)


def publish(account: Account, bucket: str, tables: dict[str, str]) -> None:
    """Write a valid and a bad item to each table, and put one of the dead letters into an on-failure batch."""
    for table, key in tables.items():
        account.put(table, key, f"{PERSON}good")
        account.put(table, key, f"{PERSON}bad", LARGE)
    letters = wait_until(lambda: read_letters(account, bucket), len(tables))
    assert len(letters) == len(tables)
    s3 = account.stack.clients.s3
    letter = json.loads(s3.get_object(Bucket=bucket, Key=letters[0])["Body"].read())
    s3.put_object(Bucket=bucket, Key=BATCH, Body=json.dumps({"payload": {"Records": [letter["record"]]}}).encode())


def read_letters(account: Account, bucket: str) -> list[str]:
    """Return the keys of the dead letters, without the object of the preflight check."""
    return sorted(key for key in account.read_keys(bucket, "dead-letters/") if key.endswith(".json"))


def redrive(account: Account, bucket: str, table: str) -> None:
    """Redrive the dead letters of the attached table by prefix, and all others by key."""
    request: dict[str, object] = {"prefix": f"dead-letters/{table}/"}
    assert account.redrive(NAME, **request, dry_run=True)["deliverable"] == 1
    assert account.redrive(NAME, **request)["delivered"] == 1
    assert account.redrive(NAME, keys=read_letters(account, bucket))["delivered"] == len(OWN)


def backfill(account: Account, deployed: Deployment, tables: tuple[str, ...]) -> None:
    """Run a backfill of each table."""
    states, machine = account.stack.clients.states, deployed.outputs["BackfillStateMachineArn"]
    for table in tables:
        request = json.dumps({"table": table, "segments": 1, "workers": 1})
        arn = states.start_execution(stateMachineArn=machine, input=request)["executionArn"]
        end = time.monotonic() + LIMIT_SECONDS
        while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution is still running"
            time.sleep(0.2)
        assert found["status"] == "SUCCEEDED", found


ACTIONS = {
    "": {"dynamodb:DescribeTable", "dynamodb:Scan", "s3:PutObject"},
    "-redrive": {"dynamodb:GetItem", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "-backfill": {
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeTable",
        "dynamodb:Scan",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    },
    "-registration": set(),
}
"""The actions that each function's calls require. With a Confluent registry, the registration does not call AWS.

Publishing scans only in the preflight check, which handles a denial.
"""


@pytest.mark.parametrize("function", ACTIONS)
def test_calls__are_recorded_and_allowed(recorded: Recorded, function: str) -> None:
    """Each function makes every call that it can make without secrets, and its role allows all of them."""
    assert recorded.account.calls.read_actions(f"{NAME}{function}") == ACTIONS[function]
    assert recorded.account.calls.take_denied() == []


@pytest.mark.parametrize(
    ("function", "changes", "expected"),
    [
        ("", {"PutFailures": {"Action": []}}, "s3:PutObject BUCKET/dead-letters/"),
        ("-redrive", {"TakeFailures": {"Action": ["s3:GetObject"]}}, "s3:DeleteObject BUCKET/"),
        (
            "-redrive",
            {"PutRedriven": {"Resource": "arn:aws:s3:::BUCKET/dead-letters/*"}},
            "s3:PutObject BUCKET/redriven/",
        ),
        ("-backfill", {"ScanOwnTables": {"Resource": []}}, "dynamodb:"),
    ],
)
def test_calls__are_denied_by_broken_policies(
    recorded: Recorded, function: str, changes: dict[str, dict[str, Any]], expected: str
) -> None:
    """If an action is missing or a resource is too narrow, the evaluation names the denied calls."""
    bucket = recorded.deployed.outputs["FailureBucketName"]
    changes = json.loads(json.dumps(changes).replace("BUCKET", bucket))
    found = recorded.find_broken(function, changes)
    assert found != []
    assert [each for each in found if not each.startswith(expected.replace("BUCKET", bucket))] == []


def test_recorded_calls__contain_no_entity_id(recorded: Recorded) -> None:
    """Recorded calls contain no personal data."""
    calls = [call for function in ACTIONS for call in recorded.account.calls.read(f"{NAME}{function}")]
    assert len(calls) > 0
    assert [call for call in calls if PERSON in str(call)] == []
