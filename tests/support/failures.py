"""A failure bucket and a table in memory, and redrives of them."""

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
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.entity_features import FeaturesMode, Removals
from feature_events.pipeline import Pipeline
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import RedriveRequest
from feature_events.redrives.run import Redrive
from feature_events.tables.table import Tables
from tests.support.doubles import FakeClock, FakePublisher
from tests.support.pipelines import to_pipeline, with_encoder
from tests.support.records import Json, to_item, to_record
from tests.support.tables import create_table

BUCKET = "failures"
PREFIX = "dead-letters/"
MAPPING = "3e21fe9d-9d2f-4f2a-8e5e-2f1d6e1a7b10"
SHARD = "shardId-00000001767225600000-0a1b2c3d"
BATCH = f"aws/lambda/{MAPPING}/{SHARD}/2026/01/01/2026-01-01T00.00.00-5b0a1f62-6c0f-4d44-9a0b-6b0d8c1f2a3e"
POISON = PoisonRecord("Kafka rejected the event: INVALID_TIMESTAMP")
LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
"""An item whose event exceeds the 1,000 bytes that `FakePublisher` accepts in these tests."""

type Answers = dict[str, str]
"""The error codes that AWS returns, by `OPERATION` or `OPERATION TEXT`, where TEXT is part of the parameters."""
type FakeAccount = Account[FakePublisher]


class Account[P: Publisher]:
    """An account with a failure bucket and a table. It must be used within `in_memory()`.

    Args:
        publisher: the publisher of its pipeline.

    """

    def __init__(self, publisher: P) -> None:
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.dynamodb = boto3.client("dynamodb")
        create_table(self.dynamodb, "user_feature_store")
        self.publisher = publisher
        self.letters = DeadLetters(BUCKET, PREFIX)
        self.features_mode: FeaturesMode = "all"
        self.removals: Removals = "none"

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline, with a dead-letter limit that must not stop a redrive."""
        pipeline = to_pipeline(self.publisher, self.letters, features_mode=self.features_mode, limit=1)
        return with_encoder(pipeline, removals=self.removals)

    def write(self, record: Json) -> None:
        """Write the record's new image to the table."""
        self.dynamodb.put_item(TableName="user_feature_store", Item=record["dynamodb"]["NewImage"])

    def put_dead_letters(self, *records: Any) -> list[str]:  # noqa: ANN401  # any JSON can be a record
        """Write a dead letter for each record, and return the keys."""
        letters = [to_dead_letter(record, POISON, PREFIX) for record in records]
        for letter in letters:
            self.put(letter.key, letter.body)
        return [letter.key for letter in letters]

    def put_on_failure_batch(self, *records: Json, key: str = BATCH) -> str:
        """Write an on-failure batch with these records, and return its key."""
        self.put(key, to_on_failure(records))
        return key

    def put(self, key: str, body: bytes) -> None:
        """Write an object to the bucket."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def read(self, key: str) -> Json:
        """Return an object's JSON."""
        found: Json = json.loads(self.read_bytes(key))
        return found

    def read_bytes(self, key: str) -> bytes:
        """Return an object's bytes."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def redrive(self, *, seconds: float = 50.0, **request: Any) -> RedriveReport:  # noqa: ANN401  # the request's fields
        """Run a redrive and return its report."""
        store = FailureStore(BUCKET, PREFIX)
        run = Redrive(RedriveRequest(**request), self.pipeline, store, Tables())
        run.run(Deadline(seconds, FakeClock()), 20.0)
        return run.report()

    @property
    def keys(self) -> list[str]:
        """The keys of all objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


def write_records(account: Account[Any], *numbers: int, **parts: Any) -> list[Json]:  # noqa: ANN401  # a record's parts
    """Return records with these numbers, and write their items to the table."""
    records = [to_record(number, entity=f"user-{number}", **parts) for number in numbers]
    for record in records:
        account.write(record)
    return records


def sent(account: FakeAccount) -> list[str]:
    """Return the sequence numbers of the sent messages."""
    return [dict(message.headers)["ce_sequence"].decode() for message in account.publisher.log]


def to_dead_letter_key(record: Json) -> str:
    """Return the key of the record's dead letter."""
    table = record["eventSourceARN"].split("/")[1]
    return f"{PREFIX}{table}/{record['dynamodb']['SequenceNumber']}-{record['eventID']}.json"


def to_on_failure(records: Sequence[Json]) -> bytes:
    """Return a batch as Lambda writes it to the on-failure destination."""
    return json.dumps({**to_batch_metadata(records), "payload": {"Records": records}}).encode()


def to_batch_metadata(records: Sequence[Json]) -> Json:
    """Return the fields of an on-failure document besides its payload. Only S3 receives the payload.

    The fields are those recorded on AWS, where the payload was an object. In the guide, it is a string.
    https://github.com/localstack/localstack: test_lambda_integration_dynamodbstreams.snapshot.json
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
    """Replace AWS by moto, in the records' region."""
    login = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with patch.dict(os.environ, login), mock_aws():
        yield


def replace_answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Return an empty mapping. Errors that are added to it are returned by AWS."""
    answers: Answers = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here

    def answer(client: object, name: str, parameters: object) -> object:
        for wanted, code in answers.items():
            operation, _, part = wanted.partition(" ")
            if operation == name and part in str(parameters):
                raise ClientError({"Error": {"Code": code}}, name)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return answers


def counts(report: RedriveReport) -> dict[str, int]:
    """Return the report's counts other than zero, without `objects` and `records`."""
    outcomes = ("delivered", "skipped", "stale", "poison", "unchecked", "undelivered", "deliverable")
    names = (*outcomes, "moved", "missing", "unreadable")
    return {name: report[name] for name in names if report[name]}  # type: ignore[literal-required]  # names of its fields


def redriven(keys: Sequence[str]) -> list[str]:
    """Return the keys of these objects after they were archived."""
    return [f"redriven/{key}" for key in keys]
