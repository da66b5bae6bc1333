"""What still stands is sent and moved, the rest stays where it is; a run ends in time, and another goes on."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.client import BaseClient

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.delivery import Delivery
from tests.support.failures import LARGE, PREFIX, Answers, FakeAccount, counts, redriven, sent, to_written
from tests.support.records import Json, number_of, to_record, to_unreadable_record


def test_redrive__sends_and_moves_what_still_stands(account: FakeAccount) -> None:
    """A dead letter whose cause is fixed is sent as it would have been, and its object goes out of the way."""
    records = to_written(account, 1, 2)
    keys = account.put_dead_letters(*records)
    before = [account.read(key) for key in keys]
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2})
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == redriven(keys)
    assert [account.read(key) for key in account.keys] == before


def test_redrive__sends_what_the_function_sends(account: FakeAccount) -> None:
    """To the last byte: a consumer that has the event already can drop it."""
    records = to_written(account, 1, 2)
    account.pipeline.run(records, Deadline(1e9))
    account.put_dead_letters(*records)
    account.redrive(prefix=PREFIX)
    assert account.publisher.log[:2] == account.publisher.log[2:]


def test_redrive__counts_each_table_for_itself(account: FakeAccount, caplog: pytest.LogCaptureFixture) -> None:
    """Metrics and log name the table of each record, though the dead letters of several lie together."""
    other = "arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/s"
    records = [to_record(number, entity=f"user-{number}") for number in range(4)]
    for record in records[1::2]:
        record["eventSourceARN"] = other
    account.put_dead_letters(*records)
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 4, "moved": 4}
    handled = [vars(each) for each in caplog.records if each.msg == "batch handled"]
    assert {each["table"]: each["delivered"] for each in handled} == {"other": 2, "user_feature_store": 2}
    assert len(handled) == 2


def test_redrive__keeps_what_was_sent_if_a_later_table_fails(account: FakeAccount) -> None:
    """The delivered records' objects are moved, or the next run would send them again."""
    records = [to_record(number, entity=f"user-{number}") for number in range(2)]
    records[0]["eventSourceARN"] = "arn:aws:dynamodb:eu-west-1:123456789012:table/other/stream/s"
    keys = account.put_dead_letters(*records)
    publish, asked = account.publisher.publish, list[int]()

    def fail_later(*args: Any) -> Sequence[Delivery]:  # noqa: ANN401  # publish's own
        asked.append(len(asked))
        if len(asked) > 1:
            raise Misconfigured("the topic is missing")
        return publish(*args)

    account.publisher.publish = fail_later  # type: ignore[assignment, method-assign]
    report = account.redrive(prefix=PREFIX, force=True)
    assert (report["complete"], counts(report)) == (False, {"delivered": 1, "undelivered": 1, "moved": 1})
    assert sorted(account.keys) == sorted([f"redriven/{keys[0]}", keys[1]])


def test_redrive__sends_both_records_of_one_number(account: FakeAccount) -> None:
    """Two shards of a table may have the same number; their dead letters stand beside each other."""
    records = to_written(account, 1, 2)
    records[1]["dynamodb"]["SequenceNumber"] = number_of(records[0])
    account.put_dead_letters(*records)
    assert counts(account.redrive(prefix=PREFIX)) == {"delivered": 2, "moved": 2}
    assert {message.key for message in account.publisher.log} == {b"user-1", b"user-2"}


def test_redrive__leaves_what_is_still_poison(account: FakeAccount) -> None:
    """It stays as it is, and the report says why."""
    keys = account.put_dead_letters(to_unreadable_record(1), *to_written(account, 2))
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]
    [example] = report["examples"]
    assert (example["object"], example["end"], example["reason"]) == (
        keys[0],
        "poison",
        "features.data: features is not a map",
    )


def test_redrive__leaves_what_kafka_refuses_still(account: FakeAccount) -> None:
    """A message that is too large is as much poison as before, and stops nobody, without any limit."""
    records = to_written(account, *range(5), item=LARGE) + to_written(account, 7)
    keys = account.put_dead_letters(*records)
    report = account.redrive(prefix=PREFIX)
    assert counts(report) == {"poison": 5, "delivered": 1, "moved": 1}
    assert account.keys == [*keys[:-1], f"redriven/{keys[-1]}"]
    assert report["examples"][0]["reason"] == "Kafka refuses it; its dead letter says why"
    assert account.read(keys[0])["reason"] == "Kafka rejected the event: MSG_SIZE_TOO_LARGE"


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"eventName": "INSERT"}])
def test_redrive__takes_whatever_was_dead_lettered(account: FakeAccount, record: object) -> None:
    """A dead letter may hold what is no record at all."""
    account.put_dead_letters(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"poison": 1}


def test_redrive__tells_of_a_stream_without_images(account: FakeAccount) -> None:
    """Records that no setting can fix any more are named, and stop nobody."""
    record = to_record(1, view="KEYS_ONLY")
    del record["dynamodb"]["NewImage"]
    account.put_on_failure_batch(record, *to_written(account, 2))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"poison": 1, "delivered": 1, "moved": 1}
    assert "view type KEYS_ONLY" in report["examples"][0]["reason"]


def test_redrive__does_nothing_in_a_dry_run(account: FakeAccount) -> None:
    """It says what a run would do, and changes nothing."""
    large, good = to_written(account, 4, item=LARGE), to_written(account, 1)
    account.put_dead_letters(*good, to_unreadable_record(2), to_record(3, entity="gone"))
    account.put_on_failure_batch(*large, to_record(5, kind="REMOVE"))
    before = account.keys
    report = account.redrive(prefix=PREFIX, dry_run=True)
    assert (report["dry_run"], report["complete"]) == (True, True)
    assert counts(report) == {"deliverable": 1, "poison": 1, "stale": 1}
    assert report["oldest"] == "2025-10-10T12:34:58.000+00:00"
    assert counts(account.redrive(prefix="aws/lambda/", dry_run=True)) == {"deliverable": 1, "skipped": 1}
    assert (account.keys, sent(account)) == (before, [])


def test_redrive__twice_comes_to_the_same_end(account: FakeAccount) -> None:
    """A second run finds what the first has left, and sends nothing."""
    account.put_dead_letters(*to_written(account, 1, 2), to_unreadable_record(3), to_record(4, entity="gone"))
    account.put_on_failure_batch(*to_written(account, 6), to_unreadable_record(7), to_record(8, entity="gone too"))
    for prefix in (PREFIX, "aws/lambda/"):
        account.redrive(prefix=prefix)
    end, before = account.keys, sent(account)
    reports = [account.redrive(prefix=prefix) for prefix in (PREFIX, "aws/lambda/")]
    assert [counts(report) for report in reports] == [{"poison": 2, "stale": 2}, {}]
    assert (account.keys, sent(account)) == (end, before)


def test_redrive__takes_a_list_of_keys(account: FakeAccount) -> None:
    """Only these; one that has gone was redriven before, or never was."""
    keys = account.put_dead_letters(*to_written(account, 1, 2, 3))
    report = account.redrive(keys=[keys[2], keys[0], keys[2], f"{PREFIX}gone.json"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2, "missing": 1})
    assert account.keys == [keys[1], *redriven([keys[0], keys[2]])]


def test_redrive__stops_where_kafka_does_not_acknowledge(account: FakeAccount) -> None:
    """What was not sent stays, and the next run begins there."""
    records = to_written(account, *range(5))
    keys = account.put_dead_letters(*records)
    account.publisher.loses = lambda message: message.key == b"user-2"
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (False, {"delivered": 2, "undelivered": 3, "moved": 2})
    assert report["next"] == {"prefix": PREFIX, "after": keys[1]}
    account.publisher.loses = lambda _: False
    report = account.redrive(**report["next"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 3, "moved": 3})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__ends_in_time_and_goes_on(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near its deadline a run begins nothing more, and says where to go on; every run gets on."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 2)
    records = to_written(account, *range(5))
    account.put_dead_letters(*records)
    request: Json | None = {"prefix": PREFIX, "dry_run": False}
    runs = []
    while request is not None:
        report = account.redrive(**request, seconds=9.0)
        runs.append(counts(report))
        request = dict(report["next"]) if "next" in report else None
    assert runs == [{"delivered": 2, "moved": 2}, {"delivered": 2, "moved": 2}, {"delivered": 1, "moved": 1}]
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__goes_on_behind_what_it_leaves(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays where it is does not hold up a run that goes on, also with a list of keys."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 2)
    keys = account.put_dead_letters(*[to_unreadable_record(number) for number in range(3)], *to_written(account, 5))
    report = account.redrive(keys=keys, seconds=9.0)
    assert counts(report) == {"poison": 2}
    report = account.redrive(**report["next"], seconds=9.0)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "GetItem", "PutObject", "DeleteObjects"])
def test_redrive__waits_for_no_request_that_hangs(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """A request that hangs ends the run, or leaves its record unchecked; another run does what this one did not."""
    account.put_dead_letters(*to_written(account, 1))
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # where every request passes
    released = threading.Event()

    def hang(client: object, name: str, parameters: object) -> object:
        if name == operation:
            released.wait(12)
        return call(client, name, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", hang)
        patch.setattr("feature_events.aws.clients.REQUEST_SECONDS", 2.0)
        if operation == "GetItem":
            assert "no answer within 2 s" in account.redrive(prefix=PREFIX)["examples"][0]["reason"]
        else:
            with pytest.raises(Undelivered, match="no answer within 2 s"):
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
def test_redrive__says_what_is_not_allowed(
    account: FakeAccount, answers: Answers, refused: tuple[str, str], error: type[Exception], text: str
) -> None:
    """A permission that is missing is named with the object; nothing is lost by it."""
    keys = account.put_dead_letters(*to_written(account, 1))
    answers[refused[0]] = refused[1]
    with pytest.raises(error, match=text):
        account.redrive(prefix=PREFIX)
    answers.clear()
    assert set(keys) <= set(account.keys)
