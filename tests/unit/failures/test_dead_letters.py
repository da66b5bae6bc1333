"""Test dead letters: their keys, their content, and writing them to S3."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.failures import dead_letters
from feature_events.failures.dead_letters import DeadLetters, read_record, to_dead_letter
from tests.support.records import FIRST_NUMBER, to_unreadable_record
from tests.support.resolver import hanging_resolver

POISON = PoisonRecord("features.data: features is not a map")
TIME_LEFT = Deadline(1e9)


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"dynamodb": {"SequenceNumber": "../x"}}, "\ud800"])
def test_to_dead_letter__derives_the_key_from_a_record_without_a_number(record: object) -> None:
    """Equal records have the same key, and the record can be read from the dead letter."""
    one, two = (to_dead_letter(record, POISON, "p/") for _ in range(2))  # type: ignore[arg-type]  # any JSON
    assert one == two
    assert one.key.startswith("p/unknown/")
    assert read_record(one.body) == record


def test_to_dead_letter__escapes_any_table_name() -> None:
    """Whatever the ARN contains, the key stays under the prefix and readable."""
    record = {**to_unreadable_record(), "eventSourceARN": "arn:aws:dynamodb:x:1:table/a b\n🦊" + "c" * 300}
    assert to_dead_letter(record, POISON, "p/").key == f"p/a_b__{'c' * 250}/{FIRST_NUMBER}-{record['eventID']}.json"


@pytest.mark.parametrize("event_id", ["0" * 32, None, 7, "../../x", "é", ""])
def test_to_dead_letter__gives_two_records_different_keys(event_id: object) -> None:
    """Records of two shards can have the same number, so the key also contains their ids."""
    one, two = (to_unreadable_record(3, entity=entity) for entity in ("user-1", "user-2"))
    one["eventID"] = event_id
    two["eventID"] = two["eventID"] if event_id == "0" * 32 else event_id
    keys = [to_dead_letter(record, POISON, "p/").key for record in (one, two, json.loads(json.dumps(one)))]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("body", [b"", b"text", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"payload": {}}'])
def test_read_record__rejects_other_objects(body: bytes) -> None:
    """Any other content raises the same error."""
    with pytest.raises(ValueError, match="not a dead letter"):
        read_record(body)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Create an empty bucket in memory."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="failures")
        yield "failures"


def keys_in(bucket: str) -> list[str]:
    """Return the keys of all objects."""
    return [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_put__stores_the_record_with_its_reason(bucket: str) -> None:
    """The object contains everything that the redrive needs."""
    record = to_unreadable_record(3)
    key = DeadLetters(bucket, "dead-letters/").put(record, POISON, TIME_LEFT)
    assert key == f"dead-letters/user_feature_store/{FIRST_NUMBER + 3}-{record['eventID']}.json"
    found = json.loads(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert found == {
        "reason": str(POISON),
        "table": "user_feature_store",
        "sequence_number": str(FIRST_NUMBER + 3),
        "redrive": f'Fix the cause, then invoke the redrive function with {{"keys": ["{key}"]}}.',
        "record": record,
    }


def test_put__stores_a_record_once(bucket: str) -> None:
    """A retried record replaces its object."""
    letters = DeadLetters(bucket, "dead-letters/")
    for _ in range(2):
        letters.put(to_unreadable_record(), POISON, TIME_LEFT)
    assert len(keys_in(bucket)) == 1


def test_put__reports_an_error_of_s3(bucket: str) -> None:
    """If the bucket does not exist, the record stays in the stream."""
    with pytest.raises(Undelivered, match=r"cannot be written \(NoSuchBucket\): set FAILURE_BUCKET"):
        DeadLetters(bucket + "-not", "p/").put(to_unreadable_record(), POISON, TIME_LEFT)


def test_put__reports_that_s3_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing network path is reported within seconds."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    with pytest.raises(Undelivered, match=r"\(EndpointConnectionError\): check the network path to s3"):
        DeadLetters("failures", "p/").put(to_unreadable_record(), POISON, TIME_LEFT)


def test_put__does_not_wait_for_a_hanging_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DNS lookup that hangs longer than the invocation may take is reported in time."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3.invalid")
    monkeypatch.setattr(dead_letters, "PUT_SECONDS", 0.1)
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"\(no response within 0 s\): check the network path to s3"):
            DeadLetters("failures", "p/").put(to_unreadable_record(), POISON, Deadline(0.1))
        assert not ended.is_set()


def test_put__needs_a_bucket_and_time() -> None:
    """Otherwise the record stays in the stream."""
    with pytest.raises(Undelivered, match="FAILURE_BUCKET"):
        DeadLetters(None, "p/").put(to_unreadable_record(), POISON, TIME_LEFT)
    with pytest.raises(Undelivered, match="no time left"):
        DeadLetters("failures", "p/").put(to_unreadable_record(), POISON, Deadline(0))
