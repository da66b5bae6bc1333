"""A failure bucket and a table in memory, and redrives of what is in them."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import DeadLetters, to_dead_letter
from feature_events.failures.failure_store import FailureStore
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.pipeline import MessagePublisher, Pipeline
from feature_events.redrives.report import Report
from feature_events.redrives.request import Request
from feature_events.redrives.run import Redrive
from feature_events.tables.current_items import CurrentItems
from tests.support.doubles import FakeClock, FakePublisher
from tests.support.pipelines import to_pipeline
from tests.support.records import Json, to_item, to_record

BUCKET = "failures"
PREFIX = "dead-letters/"
MAPPING = "3e21fe9d-9d2f-4f2a-8e5e-2f1d6e1a7b10"
SHARD = "shardId-00000001767225600000-0a1b2c3d"
BATCH = f"aws/lambda/{MAPPING}/{SHARD}/2026/01/01/2026-01-01T00.00.00-5b0a1f62-6c0f-4d44-9a0b-6b0d8c1f2a3e"
POISON = PoisonRecord("Kafka rejected the event: INVALID_TIMESTAMP")
LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
"""An item whose event is larger than `FakePublisher` takes where it takes 1,000 bytes."""

type Answers = dict[str, str]
"""The errors that AWS answers with, by operation and a part of what it is on."""
type FakeAccount = Account[FakePublisher]


class Account[P: MessagePublisher]:
    """What a redrive meets; to be made and used within `in_memory()`.

    Args:
        publisher: where the pipeline leads.

    """

    def __init__(self, publisher: P) -> None:
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.dynamodb = boto3.client("dynamodb")
        keys = {"bright_uid": "HASH", "category": "RANGE"}
        self.dynamodb.create_table(
            TableName="user_feature_store",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],  # type: ignore[typeddict-item]  # HASH and RANGE
        )
        self.publisher = publisher
        self.letters = DeadLetters(BUCKET, PREFIX)
        self.features_mode: FeaturesMode = "all"

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline, with a limit that a redrive has to get past."""
        return to_pipeline(self.publisher, self.letters, features_mode=self.features_mode, limit=1)

    def write(self, record: Json) -> None:
        """Puts the item as this record has it into the table."""
        self.dynamodb.put_item(TableName="user_feature_store", Item=record["dynamodb"]["NewImage"])

    def put_dead_letters(self, *records: Any) -> list[str]:  # noqa: ANN401  # anything that a stream may hand over
        """Makes a dead letter of each of these, and gives their keys."""
        letters = [to_dead_letter(record, POISON, PREFIX) for record in records]
        for letter in letters:
            self.put(letter.key, letter.body)
        return [letter.key for letter in letters]

    def put_on_failure_batch(self, *records: Json, key: str = BATCH) -> str:
        """Makes an on-failure batch of these."""
        self.put(key, to_on_failure(records))
        return key

    def put(self, key: str, body: bytes) -> None:
        """Puts an object into the bucket."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def read(self, key: str) -> Json:
        """An object's document."""
        found: Json = json.loads(self.read_bytes(key))
        return found

    def read_bytes(self, key: str) -> bytes:
        """An object as it is."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def redrive(self, *, seconds: float = 50.0, **request: Any) -> Report:  # noqa: ANN401  # the request's fields
        """One run."""
        store = FailureStore(BUCKET, PREFIX)
        run = Redrive(Request(**request), self.pipeline, store, CurrentItems())
        run.run(Deadline(seconds, FakeClock()), 20.0)
        return run.report()

    @property
    def keys(self) -> list[str]:
        """The keys of all objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


def to_written(account: Account[Any], *numbers: int, **parts: Any) -> list[Json]:  # noqa: ANN401  # a record's parts
    """Records of items that are in the table as they say."""
    records = [to_record(number, entity=f"user-{number}", **parts) for number in numbers]
    for record in records:
        account.write(record)
    return records


def sent(account: FakeAccount) -> list[str]:
    """The sequence numbers of what was sent."""
    return [dict(message.headers)["ce_sequence"].decode() for message in account.publisher.log]


def to_key(record: Json) -> str:
    """The key of this record's dead letter."""
    table = record["eventSourceARN"].split("/")[1]
    return f"{PREFIX}{table}/{record['dynamodb']['SequenceNumber']}-{record['eventID']}.json"


def to_on_failure(records: Sequence[Json]) -> bytes:
    """The object that Lambda makes of a batch for the on-failure destination."""
    return json.dumps({**to_batch_metadata(records), "payload": {"Records": records}}).encode()


def to_batch_metadata(records: Sequence[Json]) -> Json:
    """What an on-failure document says of its batch, in S3 beside the payload and elsewhere alone.

    Its fields are those that AWS was seen to write; a payload was an object, and not the text that the guide has.
    https://github.com/localstack/localstack: test_lambda_integration_dynamodbstreams.snapshot.json, recorded on AWS
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    times = [record["dynamodb"]["ApproximateCreationDateTime"] for record in records]
    first, last = (
        datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for time in (min(times), max(times))
    )
    return {
        "requestContext": {
            "requestId": "6f1c7a52-0a36-4a0e-9f57-6f0f9b0c2d11",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:feature-events",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "approximateArrivalOfFirstRecord": first,
            "approximateArrivalOfLastRecord": last,
            "batchSize": len(records),
            "streamArn": records[0]["eventSourceARN"],
        },
    }


@contextmanager
def in_memory() -> Iterator[None]:
    """AWS by moto, in the region that the records are from."""
    login = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with patch.dict(os.environ, login), mock_aws():
        yield


def replace_answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """The errors that AWS answers with from now on; none, to begin with."""
    answers: Answers = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # where every request passes

    def answer(client: object, name: str, parameters: object) -> object:
        for wanted, code in answers.items():
            operation, _, part = wanted.partition(" ")
            if operation == name and part in str(parameters):
                raise ClientError({"Error": {"Code": code}}, name)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return answers


def counts(report: Report) -> dict[str, int]:
    """The report's counts that are not nothing, but for the numbers of objects and records."""
    ends = ("delivered", "skipped", "stale", "poison", "unchecked", "undelivered", "deliverable")
    names = (*ends, "moved", "missing", "unreadable")
    return {name: report[name] for name in names if report[name]}  # type: ignore[literal-required]  # its own names


def redriven(keys: Sequence[str]) -> list[str]:
    """Where these objects are when their records have come to an end."""
    return [f"redriven/{key}" for key in keys]
