"""Test runs of the redrive: records by outcome, dry runs, deadlines and errors."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.client import BaseClient

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.delivery import Delivery
from tests.support.failures import LARGE, PREFIX, Answers, FakeAccount, counts, redriven, sent, write_records
from tests.support.records import Json, number_of, to_record, to_unreadable_record


def test_redrive__sends_and_archives_dead_letters(account: FakeAccount) -> None:
    """Once its cause is fixed, a dead letter is sent, and its object is archived unchanged."""
    records = write_records(account, 1, 2)
    keys = account.put_dead_letters(*records)
    before = [account.read(key) for key in keys]
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2})
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == redriven(keys)
    assert [account.read(key) for key in account.keys] == before


def test_redrive__sends_the_same_bytes_as_the_function(account: FakeAccount) -> None:
    """A consumer that already has the event can drop the duplicate."""
    records = write_records(account, 1, 2)
    account.pipeline.run(records, Deadline(1e9))
    account.put_dead_letters(*records)
    account.redrive(prefix=PREFIX)
    assert account.publisher.log[:2] == account.publisher.log[2:]


def test_redrive__counts_by_table(account: FakeAccount, caplog: pytest.LogCaptureFixture) -> None:
    """Metrics and log entries name the records' table, even if a run redrives several tables."""
    other = "arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/s"
    records = [to_record(number, entity=f"user-{number}") for number in range(4)]
    for record in records[1::2]:
        record["eventSourceARN"] = other
    account.put_dead_letters(*records)
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 4, "moved": 4}
    handled = [vars(each) for each in caplog.records if each.msg == "batch handled"]
    assert {each["table"]: each["delivered"] for each in handled} == {"other": 2, "user_feature_store": 2}
    assert len(handled) == 2


def test_redrive__archives_sent_records_if_a_later_table_fails(account: FakeAccount) -> None:
    """Otherwise, the next run would send them again."""
    records = [to_record(number, entity=f"user-{number}") for number in range(2)]
    records[0]["eventSourceARN"] = "arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/s"
    keys = account.put_dead_letters(*records)
    publish, calls = account.publisher.publish, list[int]()

    def fail_later(*args: Any) -> Sequence[Delivery]:  # noqa: ANN401  # the publisher's
        calls.append(len(calls))
        if len(calls) > 1:
            raise Misconfigured("the topic does not exist")
        return publish(*args)

    account.publisher.publish = fail_later  # type: ignore[assignment, method-assign]
    report = account.redrive(prefix=PREFIX, force=True)
    assert (report["complete"], counts(report)) == (False, {"delivered": 1, "undelivered": 1, "moved": 1})
    assert sorted(account.keys) == sorted([f"redriven/{keys[0]}", keys[1]])


def test_redrive__sends_both_records_with_the_same_number(account: FakeAccount) -> None:
    """Sequence numbers are unique only within a shard."""
    records = write_records(account, 1, 2)
    records[1]["dynamodb"]["SequenceNumber"] = number_of(records[0])
    account.put_dead_letters(*records)
    assert counts(account.redrive(prefix=PREFIX)) == {"delivered": 2, "moved": 2}
    assert {message.key for message in account.publisher.log} == {b"user-1", b"user-2"}


def test_redrive__leaves_poison(account: FakeAccount) -> None:
    """A record that still cannot become an event stays, and the report says why."""
    keys = account.put_dead_letters(to_unreadable_record(1), *write_records(account, 2))
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]
    [example] = report["examples"]
    assert (example["object"], example["end"], example["reason"]) == (
        keys[0],
        "poison",
        "features.data: features is not a map",
    )


def test_redrive__leaves_messages_that_kafka_rejects(account: FakeAccount) -> None:
    """Messages that are too large stay poison and do not block others. The dead-letter limit does not apply."""
    records = write_records(account, *range(5), item=LARGE) + write_records(account, 7)
    keys = account.put_dead_letters(*records)
    report = account.redrive(prefix=PREFIX)
    assert counts(report) == {"poison": 5, "delivered": 1, "moved": 1}
    assert account.keys == [*keys[:-1], f"redriven/{keys[-1]}"]
    assert report["examples"][0]["reason"] == "Kafka rejected its event: see the reason in its dead letter"
    assert account.read(keys[0])["reason"] == "Kafka rejected the event: MSG_SIZE_TOO_LARGE"


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"eventName": "INSERT"}])
def test_redrive__accepts_any_record(account: FakeAccount, record: object) -> None:
    """A dead letter can contain any JSON."""
    account.put_dead_letters(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"poison": 1}


def test_redrive__reports_records_without_images(account: FakeAccount) -> None:
    """A setting cannot fix them any more. They are poison and do not block others."""
    record = to_record(1, view="KEYS_ONLY")
    del record["dynamodb"]["NewImage"]
    account.put_on_failure_batch(record, *write_records(account, 2))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"poison": 1, "delivered": 1, "moved": 1}
    assert "view type KEYS_ONLY" in report["examples"][0]["reason"]


def test_redrive__changes_nothing_in_a_dry_run(account: FakeAccount) -> None:
    """A dry run reports what a run would do."""
    large, good = write_records(account, 4, item=LARGE), write_records(account, 1)
    account.put_dead_letters(*good, to_unreadable_record(2), to_record(3, entity="gone"))
    account.put_on_failure_batch(*large, to_record(5, kind="REMOVE"))
    before = account.keys
    report = account.redrive(prefix=PREFIX, dry_run=True)
    assert (report["dry_run"], report["complete"]) == (True, True)
    assert counts(report) == {"deliverable": 1, "poison": 1, "stale": 1}
    assert report["oldest"] == "2025-10-10T12:34:58.000+00:00"
    assert counts(account.redrive(prefix="aws/lambda/", dry_run=True)) == {"deliverable": 1, "skipped": 1}
    assert (account.keys, sent(account)) == (before, [])


def test_redrive__is_idempotent(account: FakeAccount) -> None:
    """A second run finds only the records that the first one left, and sends nothing."""
    account.put_dead_letters(*write_records(account, 1, 2), to_unreadable_record(3), to_record(4, entity="gone"))
    account.put_on_failure_batch(*write_records(account, 6), to_unreadable_record(7), to_record(8, entity="gone too"))
    for prefix in (PREFIX, "aws/lambda/"):
        account.redrive(prefix=prefix)
    keys, before = account.keys, sent(account)
    reports = [account.redrive(prefix=prefix) for prefix in (PREFIX, "aws/lambda/")]
    assert [counts(report) for report in reports] == [{"poison": 2, "stale": 2}, {}]
    assert (account.keys, sent(account)) == (keys, before)


def test_redrive__accepts_a_list_of_keys(account: FakeAccount) -> None:
    """Only these objects are redriven. A key without an object is counted as missing."""
    keys = account.put_dead_letters(*write_records(account, 1, 2, 3))
    report = account.redrive(keys=[keys[2], keys[0], keys[2], f"{PREFIX}gone.json"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2, "missing": 1})
    assert account.keys == [keys[1], *redriven([keys[0], keys[2]])]


def test_redrive__stops_at_an_undelivered_record(account: FakeAccount) -> None:
    """Undelivered records stay, and the next run resumes there."""
    records = write_records(account, *range(5))
    keys = account.put_dead_letters(*records)
    account.publisher.loses = lambda message: message.key == b"user-2"
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (False, {"delivered": 2, "undelivered": 3, "moved": 2})
    assert report["next"] == {"prefix": PREFIX, "after": keys[1]}
    account.publisher.loses = lambda _: False
    report = account.redrive(**report["next"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 3, "moved": 3})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__stops_at_its_deadline(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near its deadline, a run starts no further chunk, and reports how to resume. Every run makes progress."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 2)
    records = write_records(account, *range(5))
    account.put_dead_letters(*records)
    request: Json | None = {"prefix": PREFIX, "dry_run": False}
    runs = []
    while request is not None:
        report = account.redrive(**request, seconds=9.0)
        runs.append(counts(report))
        request = dict(report["next"]) if "next" in report else None
    assert runs == [{"delivered": 2, "moved": 2}, {"delivered": 2, "moved": 2}, {"delivered": 1, "moved": 1}]
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__resumes_after_objects_that_stay(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Poison does not block the next run, even with a list of keys."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 2)
    keys = account.put_dead_letters(*[to_unreadable_record(number) for number in range(3)], *write_records(account, 5))
    report = account.redrive(keys=keys, seconds=9.0)
    assert counts(report) == {"poison": 2}
    report = account.redrive(**report["next"], seconds=9.0)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "GetItem", "PutObject", "DeleteObjects"])
def test_redrive__does_not_wait_for_a_hanging_request(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """A hanging request ends the run, or leaves its record undelivered. The next run does the rest."""
    account.put_dead_letters(*write_records(account, 1))
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here
    released = threading.Event()

    def hang(client: object, name: str, parameters: object) -> object:
        if name == operation:
            released.wait(12)
        return call(client, name, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", hang)
        patch.setattr("feature_events.aws.clients.REQUEST_SECONDS", 2.0)
        patch.setattr("feature_events.redrives.run._CHECK_SECONDS", 2.0)
        if operation == "GetItem":
            assert "no response within 2 s" in account.redrive(prefix=PREFIX)["examples"][0]["reason"]
        else:
            with pytest.raises(Undelivered, match="no response within 2 s"):
                account.redrive(prefix=PREFIX)
        released.set()
    assert counts(account.redrive(prefix=PREFIX)).get("undelivered", 0) == 0


@pytest.mark.parametrize(
    ("refused", "error", "text"),
    [
        (
            ("ListObjectsV2", "AccessDenied"),
            Misconfigured,
            "bucket failures cannot be listed .AccessDenied.: grant the function's role s3:ListBucket",
        ),
        (("ListObjectsV2", "NoSuchBucket"), Misconfigured, ".NoSuchBucket.: set FAILURE_BUCKET"),
        (("GetObject", "SlowDown"), Undelivered, "cannot be read .SlowDown.: try again later"),
        (
            ("PutObject", "AccessDenied"),
            Misconfigured,
            "redriven/dead-letters/.* cannot be written .AccessDenied.: grant the function's role s3:PutObject",
        ),
        (
            ("DeleteObjects", "AccessDenied"),
            Misconfigured,
            "^dead-letters/.* cannot be deleted .AccessDenied.: grant the function's role s3:DeleteObject",
        ),
    ],
)
def test_redrive__reports_a_missing_permission(
    account: FakeAccount, answers: Answers, refused: tuple[str, str], error: type[Exception], text: str
) -> None:
    """The error names the permission and the object. No object is lost."""
    keys = account.put_dead_letters(*write_records(account, 1))
    answers[refused[0]] = refused[1]
    with pytest.raises(error, match=text):
        account.redrive(prefix=PREFIX)
    answers.clear()
    assert set(keys) <= set(account.keys)
