"""What was given up is handed to the line once more: what still stands is sent and moved, the rest stays."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.redrive import MAX_SECONDS, Request, handler, read_request
from feature_events.settings import read_settings
from tests.support import failures
from tests.support.doubles import FakeContext, FakePublisher
from tests.support.failures import (
    BATCH,
    BUCKET,
    MAPPING,
    PREFIX,
    SHARD,
    counts,
    in_memory,
    redriven,
    to_batch_metadata,
    to_key,
)
from tests.support.records import Json, number_of, to_item, to_record, to_unreadable_record

LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))

type Account = failures.Account[FakePublisher]
type Answers = dict[str, str]


@pytest.fixture
def account() -> Iterator[Account]:
    """An account with a line to a publisher that keeps what it is given."""
    with in_memory():
        yield failures.Account(FakePublisher(message_max_bytes=1000))


@pytest.fixture
def answers(account: Account, monkeypatch: pytest.MonkeyPatch) -> Answers:  # noqa: ARG001  # once it is there
    """The errors that AWS answers with, by operation and a part of what it is on; none, to begin with."""
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


def to_written(account: Account, *numbers: int, **parts: Any) -> list[Json]:  # noqa: ANN401  # a record's parts
    """Records of items that are in the table as they say."""
    records = [to_record(number, entity=f"user-{number}", **parts) for number in numbers]
    for record in records:
        account.write(record)
    return records


def sent(account: Account) -> list[str]:
    """The sequence numbers of what was sent."""
    return [dict(message.headers)["ce_sequence"].decode() for message in account.publisher.log]


def test_redrive__sends_and_moves_what_still_stands(account: Account) -> None:
    """A dead letter whose cause is mended is sent as it would have been, and its object goes out of the way."""
    records = to_written(account, 1, 2)
    keys = account.set_aside(*records)
    before = [account.read(key) for key in keys]
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2})
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == redriven(keys)
    assert [account.read(key) for key in account.keys] == before


def test_redrive__sends_what_the_function_sends(account: Account) -> None:
    """To the last byte: a consumer that has the event already can drop it."""
    records = to_written(account, 1, 2)
    account.pipeline.run(records, Deadline(1e9))
    account.set_aside(*records)
    account.redrive(prefix=PREFIX)
    assert account.publisher.log[:2] == account.publisher.log[2:]


def test_redrive__keeps_the_order_of_dead_letters_of_both_forms(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier release put, without an eventID in its key, is sent in its place among what this one puts."""
    records = to_written(account, *range(6))
    records[0]["dynamodb"]["SequenceNumber"] = "9"  # numbers are not all of one length
    for place, record in enumerate(records):
        [key] = account.set_aside(record)
        if place % 2:
            account.put(f"{PREFIX}user_feature_store/{number_of(record)}.json", account.read_bytes(key))
            account.s3.delete_object(Bucket=BUCKET, Key=key)
    monkeypatch.setattr("feature_events.redrive._CHUNK_OBJECTS", 1)  # within a chunk, records are sorted besides
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 6, "moved": 6})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__sends_both_records_of_one_number(account: Account) -> None:
    """Two shards of a table may have the same number; their dead letters stand beside each other."""
    records = to_written(account, 1, 2)
    records[1]["dynamodb"]["SequenceNumber"] = number_of(records[0])
    account.set_aside(*records)
    assert counts(account.redrive(prefix=PREFIX)) == {"delivered": 2, "moved": 2}
    assert {message.key for message in account.publisher.log} == {b"user-1", b"user-2"}


def test_redrive__leaves_what_is_still_poison(account: Account) -> None:
    """It stays as it is, and the report says why."""
    keys = account.set_aside(to_unreadable_record(1), *to_written(account, 2))
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]
    [example] = report["examples"]
    assert (example["object"], example["end"], example["reason"]) == (
        keys[0],
        "poison",
        "features.data: features is not a map",
    )


def test_redrive__leaves_what_kafka_refuses_still(account: Account) -> None:
    """A message that is too large is as much poison as before, and stops nobody, without any limit."""
    records = to_written(account, *range(5), item=LARGE) + to_written(account, 7)
    keys = account.set_aside(*records)
    report = account.redrive(prefix=PREFIX)
    assert counts(report) == {"poison": 5, "delivered": 1, "moved": 1}
    assert account.keys == [*keys[:-1], f"redriven/{keys[-1]}"]
    assert report["examples"][0]["reason"] == "Kafka refuses it; its dead letter says why"
    assert account.read(keys[0])["reason"] == "Kafka refuses it: MSG_SIZE_TOO_LARGE"


@pytest.mark.parametrize("since", ["written", "deleted"])
def test_redrive__refuses_what_is_stale_unless_forced(account: Account, since: str) -> None:
    """Where the item is another by now, its features of then are no longer what can be had."""
    record = to_record(1)
    if since == "written":
        account.write(to_record(2, item=to_item(value=2)))
    keys = account.set_aside(record)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report), account.keys, sent(account)) == (True, {"stale": 1}, keys, [])
    reasons = {"written": "its item was written since", "deleted": "its item is no longer there"}
    assert report["examples"][0]["reason"] == reasons[since]
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}
    assert sent(account) == [number_of(record)]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_redrive__takes_what_no_table_has_for_stale(account: Account, answers: Answers, code: str) -> None:
    """A record whose table is gone, or has other keys by now, stops nobody."""
    account.set_aside(to_record(1))
    answers["GetItem"] = code
    assert account.redrive(prefix=PREFIX)["examples"][0]["reason"] == "its item is no longer there"


@pytest.mark.parametrize(
    "key", [{"B": "AAEC"}, {"B": "no base64"}, {"B": "é"}, {"S": "x", "B": 7}, {"S": "x", "N": "1"}]
)
def test_redrive__takes_odd_keys(account: Account, key: Json) -> None:
    """A key is base64 in a record and bytes in a request; what no table can have stops nobody."""
    record = to_record(1)
    record["dynamodb"]["Keys"]["bright_uid"] = key
    account.set_aside(record, *to_written(account, 2))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


def test_redrive__takes_odd_items(account: Account) -> None:
    """An image deeper than any item stops nobody."""
    deep: Json = {"S": "x"}
    for _ in range(700):
        deep = {"M": {"a": deep}}
    account.set_aside(to_record(1, item=to_item() | {"deep": deep}), *to_written(account, 2))
    account.write(to_record(1))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


@pytest.mark.parametrize(
    ("item", "end"),
    [
        (to_item(updated_at="2026-01-01T00:00:00.000Z"), "delivered"),
        (to_item(("age", "income", "city")), "delivered"),
        (to_item(("age",)), "stale"),
        (to_item(value=2), "stale"),
        ({"features": {"S": "none"}}, "stale"),
        ({}, "stale"),
    ],
    ids=["time", "another feature", "fewer features", "values", "another layout", "nothing"],
)
def test_redrive__compares_the_features_that_are_announced(account: Account, item: Json, end: str) -> None:
    """A later write that changed none of them was never announced itself, where only changes are."""
    account.features_mode = "changed"
    account.set_aside(to_record(1))
    account.write(to_record(2, item=item))
    assert account.redrive(prefix=PREFIX)[end] == 1  # type: ignore[literal-required]  # one of its names


def test_redrive__compares_whole_items_where_every_write_is_announced(account: Account) -> None:
    """The later write has its own event, whatever it changed."""
    account.set_aside(to_record(1))
    account.write(to_record(2, item=to_item(updated_at="2026-01-01T00:00:00.000Z")))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ProvisionedThroughputExceededException"])
def test_redrive__goes_on_where_a_table_does_not_answer(account: Account, answers: Answers, code: str) -> None:
    """What could not be compared is left, told, and stops nobody; of a batch it becomes a dead letter."""
    other = to_record(1)
    other["eventSourceARN"] = other["eventSourceARN"].replace("user_feature_store", "former_store")
    batch = account.give_up(other, *to_written(account, 2, 3))
    answers["GetItem former_store"] = code
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report)) == (True, {"unchecked": 1, "delivered": 2, "moved": 1})
    assert (
        "dynamodb:GetItem on arn:aws:dynamodb:eu-west-1:123456789012:table/former_store"
        in report["examples"][0]["reason"]
    )
    letter = to_key(other)
    assert account.keys == [letter, f"redriven/{batch}"]
    assert counts(account.redrive(prefix=PREFIX)) == {"unchecked": 1}
    answers.clear()
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}


def test_redrive__goes_on_where_an_object_may_not_be_read(account: Account, answers: Answers) -> None:
    """An object under another key than the rest is left, and stops nobody."""
    keys = account.set_aside(*to_written(account, 1, 2))
    answers[f"GetObject {keys[0]}"] = "AccessDenied"
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]


def test_redrive__reads_no_object_that_is_too_large(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's object might have more bytes than the function has memory; it is left alone, with the reason."""
    small, large = account.set_aside(*to_written(account, 1, 2))
    account.put(large, account.read_bytes(large).ljust(5001))
    monkeypatch.setattr("feature_events.failures.failure_store.MOST_BYTES", 5000)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [large, f"redriven/{small}"]


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "GetItem", "PutObject", "DeleteObjects"])
def test_redrive__waits_for_no_request_that_hangs(
    account: Account, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    """A request that hangs ends the run, or leaves its record unchecked; another run does what this one did not."""
    account.set_aside(*to_written(account, 1))
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
            assert "ReadTimeoutError" in account.redrive(prefix=PREFIX)["examples"][0]["reason"]
        else:
            with pytest.raises(Undelivered, match="was not answered: ReadTimeoutError"):
                account.redrive(prefix=PREFIX)
        released.set()
    assert counts(account.redrive(prefix=PREFIX)).get("undelivered", 0) == 0


def test_redrive__knows_an_item_again_whatever_it_holds(account: Account) -> None:
    """Binary is base64 in a record and bytes in an answer, and sets have no order."""
    binary = base64.b64encode(b"\0\xff").decode()
    odd: Json = {
        "blob": {"B": binary},
        "blobs": {"BS": [base64.b64encode(each).decode() for each in (b"b", b"a")]},
        "texts": {"SS": ["b", "a", "c"]},
        "list": {"L": [{"S": "b"}, {"L": []}, {"M": {"SS": {"SS": ["z", "y"]}}}]},
        "flags": {"M": {"yes": {"BOOL": True}, "none": {"NULL": True}}},
    }
    [record] = [to_record(1, item=to_item() | odd)]
    item = record["dynamodb"]["NewImage"] | {"blob": {"B": b"\0\xff"}, "blobs": {"BS": [b"a", b"b"]}}
    account.dynamodb.put_item(TableName="user_feature_store", Item=item | {"texts": {"SS": ["a", "b", "c"]}})
    account.set_aside(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"delivered": 1, "moved": 1}


def test_redrive__takes_batches_that_lambda_gave_up(account: Account) -> None:
    """What of a batch can be sent is sent; the rest becomes dead letters, and the batch goes out of the way."""
    good, large = to_written(account, 1, 2), to_written(account, 4, item=LARGE)
    stale, unreadable = to_record(3, entity="gone"), to_unreadable_record(5)
    batch = account.give_up(good[0], stale, unreadable, *large, good[1], to_record(6, kind="REMOVE"))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"delivered": 2, "skipped": 1, "stale": 1, "poison": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in good]
    letters = [to_key(record) for record in (stale, *large, unreadable)]
    assert account.keys == [*letters, f"redriven/{batch}"]
    assert [account.read(key)["reason"] for key in letters] == [
        "its item is no longer there",
        "Kafka refuses it: MSG_SIZE_TOO_LARGE",
        "features.data: features is not a map",
    ]
    assert [account.read(key)["record"] for key in letters] == [stale, *large, unreadable]


@pytest.mark.parametrize("form", [lambda payload: payload, json.dumps], ids=["as seen on AWS", "as in AWS's guide"])
def test_redrive__takes_batches_of_either_form(account: Account, form: Callable[[Json], object]) -> None:
    """A payload is an object where AWS was watched, and a text in its guide; both are sent, under AWS's own key."""
    records = to_written(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), "payload": form({"Records": records})}).encode())
    assert counts(account.redrive(prefix=f"aws/lambda/{MAPPING}/")) == {"delivered": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == [f"redriven/{BATCH}"]


@pytest.mark.parametrize("payload", [{}, {"payload": None}], ids=["absent", "null"])
def test_redrive__says_of_a_batch_without_payload_what_is_to_be_done(
    account: Account, payload: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """It only names its records, so it is left alone; the log says which they are and how they are announced."""
    records = to_written(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), **payload}).encode())
    report = account.redrive(prefix="aws/lambda/")
    assert (counts(report), account.keys) == ({"unreadable": 1}, [BATCH])
    (line,) = [each for each in caplog.records if each.message == "object not redriven"]
    assert vars(line)["reason"] == (
        f"it is an on-failure batch without its payload: it only names its 2 records, {number_of(records[0])} to "
        f"{number_of(records[1])} of shard {SHARD} of {records[0]['eventSourceARN']}; write their items again, then "
        "delete it"
    )


@pytest.mark.parametrize(
    "information",
    [None, 7, {}, {"batchSize": {"S": "secret"}, "shardId": ["secret"]}, {"startSequenceNumber": "user-1"}],
)
def test_redrive__repeats_nothing_odd_of_a_batch_without_payload(
    account: Account, information: object, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not of the form that AWS gives it is not repeated in a log."""
    account.put(BATCH, json.dumps({"DDBStreamBatchInfo": information}).encode())
    assert counts(account.redrive(prefix="aws/lambda/")) == {"unreadable": 1}
    (line,) = [each for each in caplog.records if each.message == "object not redriven"]
    assert "without its payload" in vars(line)["reason"]
    assert [word for word in ("secret", "user-1") if word in vars(line)["reason"]] == []


@pytest.mark.parametrize("payload", [{"Records": []}, json.dumps({"Records": []})], ids=["object", "text"])
def test_redrive__takes_an_empty_batch_for_done(account: Account, payload: object) -> None:
    """It has nothing to send."""
    account.put(BATCH, json.dumps({"payload": payload}).encode())
    assert counts(account.redrive(prefix="aws/lambda/")) == {"moved": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"text", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"payload": 7}', b'{"payload": "{}"}',
     b'{"payload": {"Records": 7}}'],
)  # fmt: skip
@pytest.mark.parametrize("key", [f"{PREFIX}t/1.json", BATCH])
def test_redrive__leaves_alone_what_holds_no_records(account: Account, key: str, body: bytes) -> None:
    """Somebody else's object is counted and not touched."""
    account.put(key, body)
    report = account.redrive(keys=[key])
    assert (report["complete"], counts(report), account.keys) == (True, {"unreadable": 1}, [key])


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"eventName": "INSERT"}])
def test_redrive__takes_whatever_was_set_aside(account: Account, record: object) -> None:
    """A dead letter may hold what is no record at all."""
    account.set_aside(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"poison": 1}


def test_redrive__tells_of_a_stream_without_images(account: Account) -> None:
    """Records that no setting can mend any more are named, and stop nobody."""
    record = to_record(1, view="KEYS_ONLY")
    del record["dynamodb"]["NewImage"]
    account.give_up(record, *to_written(account, 2))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"poison": 1, "delivered": 1, "moved": 1}
    assert "view type KEYS_ONLY" in report["examples"][0]["reason"]


def test_redrive__does_nothing_in_a_dry_run(account: Account) -> None:
    """It says what a run would do, and changes nothing."""
    large, good = to_written(account, 4, item=LARGE), to_written(account, 1)
    account.set_aside(*good, to_unreadable_record(2), to_record(3, entity="gone"))
    account.give_up(*large, to_record(5, kind="REMOVE"))
    before = account.keys
    report = account.redrive(prefix=PREFIX, dry_run=True)
    assert (report["dry_run"], report["complete"]) == (True, True)
    assert counts(report) == {"deliverable": 1, "poison": 1, "stale": 1}
    assert report["oldest"] == "2025-10-10T12:34:58.000+00:00"
    assert counts(account.redrive(prefix="aws/lambda/", dry_run=True)) == {"deliverable": 1, "skipped": 1}
    assert (account.keys, sent(account)) == (before, [])


def test_redrive__twice_comes_to_the_same_end(account: Account) -> None:
    """A second run finds what the first has left, and sends nothing."""
    account.set_aside(*to_written(account, 1, 2), to_unreadable_record(3), to_record(4, entity="gone"))
    account.give_up(*to_written(account, 6), to_unreadable_record(7), to_record(8, entity="gone too"))
    for prefix in (PREFIX, "aws/lambda/"):
        account.redrive(prefix=prefix)
    end, before = account.keys, sent(account)
    reports = [account.redrive(prefix=prefix) for prefix in (PREFIX, "aws/lambda/")]
    assert [counts(report) for report in reports] == [{"poison": 2, "stale": 2}, {}]
    assert (account.keys, sent(account)) == (end, before)


@pytest.mark.parametrize("objects", [1, 200])
def test_redrive__goes_by_sequence_number(account: Account, monkeypatch: pytest.MonkeyPatch, objects: int) -> None:
    """Numbers are not all of one length, and a key's order is not theirs; within a chunk, and from one to the next."""
    monkeypatch.setattr("feature_events.redrive._CHUNK_OBJECTS", objects)
    records = to_written(account, 9, 10, 1)
    for record, number in zip(records, ("9", "10", "100"), strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    account.set_aside(*records)
    account.redrive(prefix=PREFIX)
    assert sent(account) == ["9", "10", "100"]


def test_redrive__takes_a_list_of_keys(account: Account) -> None:
    """Only these; one that has gone was redriven before, or never was."""
    keys = account.set_aside(*to_written(account, 1, 2, 3))
    report = account.redrive(keys=[keys[2], keys[0], keys[2], f"{PREFIX}gone.json"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 2, "moved": 2, "missing": 1})
    assert account.keys == [keys[1], *redriven([keys[0], keys[2]])]


def test_redrive__does_not_look_at_what_the_check_puts(account: Account) -> None:
    """The check's object beside the dead letters holds nothing."""
    account.put(f"{PREFIX}check", b"")
    report = account.redrive(prefix=PREFIX)
    assert (report["objects"], report["complete"], account.keys) == (0, True, [f"{PREFIX}check"])


def test_redrive__stops_where_kafka_does_not_acknowledge(account: Account) -> None:
    """What was not sent stays, and the next run begins there."""
    records = to_written(account, *range(5))
    keys = account.set_aside(*records)
    account.publisher.loses = lambda message: message.key == b"user-2"
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (False, {"delivered": 2, "undelivered": 3, "moved": 2})
    assert report["next"] == {"prefix": PREFIX, "after": keys[1]}
    account.publisher.loses = lambda _: False
    report = account.redrive(**report["next"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 3, "moved": 3})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__sends_nothing_of_a_batch_that_cannot_be_split(
    account: Account, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays for the next run, which would send all of it again."""
    monkeypatch.setattr("feature_events.redrive.time.sleep", lambda _: None)
    batch = account.give_up(*to_written(account, 1), to_unreadable_record(2))
    answers["PutObject"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report), account.keys) == (False, {"undelivered": 2}, [batch])
    assert (report["next"], sent(account)) == ({"prefix": "aws/lambda/"}, [])


def test_redrive__tries_again_to_split_a_batch(
    account: Account, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request in many that S3 does not take is none that matters."""
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        answers.clear()

    monkeypatch.setattr("feature_events.redrive.time.sleep", wait)
    account.give_up(to_unreadable_record(1), to_unreadable_record(2))
    answers[f"PutObject {number_of(to_record(2))}"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (len(waits), counts(report)) == (1, {"poison": 2, "moved": 1})


def test_redrive__sends_batches_of_one_second_in_stream_order(account: Account) -> None:
    """Lambda gives their names no order; their records have one."""
    records = to_written(account, 1, 2, 3)
    for record, name in zip(records, "cab", strict=True):
        account.give_up(record, key=f"{BATCH}{name}")
    account.redrive(prefix="aws/lambda/")
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__ends_in_time_and_goes_on(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near its deadline a run begins nothing more, and says where to go on; every run gets on."""
    monkeypatch.setattr("feature_events.redrive._CHUNK_OBJECTS", 2)
    records = to_written(account, *range(5))
    account.set_aside(*records)
    request: Mapping[str, Any] | None = {"prefix": PREFIX, "dry_run": False}
    runs = []
    while request is not None:
        report = account.redrive(**request, seconds=9.0)
        runs.append(counts(report))
        request = report.get("next")
    assert runs == [{"delivered": 2, "moved": 2}, {"delivered": 2, "moved": 2}, {"delivered": 1, "moved": 1}]
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__goes_on_behind_what_it_leaves(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays where it is does not hold up a run that goes on, also with a list of keys."""
    monkeypatch.setattr("feature_events.redrive._CHUNK_OBJECTS", 2)
    keys = account.set_aside(*[to_unreadable_record(number) for number in range(3)], *to_written(account, 5))
    report = account.redrive(keys=keys, seconds=9.0)
    assert counts(report) == {"poison": 2}
    report = account.redrive(**report["next"], seconds=9.0)
    assert (report["complete"], counts(report)) == (True, {"poison": 1, "delivered": 1, "moved": 1})


@pytest.mark.parametrize(
    ("refused", "error", "text"),
    [
        (("ListObjectsV2", "AccessDenied"), Misconfigured, "may not do s3:ListBucket on failures"),
        (("ListObjectsV2", "NoSuchBucket"), Misconfigured, "no such bucket: set DEAD_LETTER_BUCKET"),
        (("GetObject", "SlowDown"), Undelivered, "answered with SlowDown; run it again"),
        (("PutObject", "AccessDenied"), Misconfigured, "may not do s3:PutObject on redriven/dead-letters/"),
        (("DeleteObjects", "AccessDenied"), Misconfigured, "may not do s3:DeleteObject on dead-letters/"),
    ],
)
def test_redrive__says_what_it_may_not(
    account: Account, answers: Answers, refused: tuple[str, str], error: type[Exception], text: str
) -> None:
    """A permission that is missing is named with the object; nothing is lost by it."""
    keys = account.set_aside(*to_written(account, 1))
    answers[refused[0]] = refused[1]
    with pytest.raises(error, match=text):
        account.redrive(prefix=PREFIX)
    answers.clear()
    assert set(keys) <= set(account.keys)


def test_read_request__names_every_mistake() -> None:
    """Whoever asks has to correct and ask once."""
    with pytest.raises(Misconfigured) as caught:
        read_request({"prefix": 7, "force": "yes", "seconds": 0, "now": True}, (PREFIX,))
    assert str(caught.value) == (
        "the request cannot be: now is not known; prefix is not a text; force is not true or false; "
        f"seconds is not from 1 to {MAX_SECONDS}; "
        'ask for what there is by {"prefix": "dead-letters/", "dry_run": true}'
    )


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({}, "either a prefix or keys"),
        ({"prefix": PREFIX, "keys": []}, "either a prefix or keys"),
        ({"keys": PREFIX}, "keys is not a list of texts"),
        ({"keys": [PREFIX, 7]}, "keys is not a list of texts"),
        ({"prefix": ""}, "is under dead-letters/ and aws/lambda/"),
        ({"prefix": "redriven/"}, "is under dead-letters/ and aws/lambda/"),
        ({"keys": [f"{PREFIX}1.json", "secrets.json"]}, "is under dead-letters/ and aws/lambda/"),
        ({"prefix": PREFIX, "seconds": True}, "seconds is not from"),
        ({"prefix": PREFIX, "after": None}, "after is not a text"),
    ],
)
def test_read_request__refuses(event: Json, text: str) -> None:
    """A request that is not all understood does nothing."""
    with pytest.raises(Misconfigured, match=text):
        read_request(event, (PREFIX, "aws/lambda/"))


def test_read_request__takes_all_fields() -> None:
    """The fields of a request are those that the report's `next` has."""
    event = {"keys": [f"{PREFIX}1.json"], "dry_run": True, "force": True, "after": "a", "seconds": 7}
    assert read_request(event, (PREFIX,)) == Request(None, [f"{PREFIX}1.json"], True, True, "a", 7)  # noqa: FBT003  # fields


def wire_to(account: Account, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Gives the handler this account's line, and these settings."""
    settings = read_settings({"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7", **environ})
    monkeypatch.setattr("feature_events.redrive.wire", lambda: (settings, account.pipeline))


def test_handler__reports(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda's answer is the report, as JSON."""
    wire_to(account, monkeypatch, DEAD_LETTER_BUCKET=BUCKET)
    account.set_aside(*to_written(account, 1), to_unreadable_record(2))
    answer = json.loads(json.dumps(handler({"prefix": PREFIX}, FakeContext())))  # type: ignore[arg-type]  # all it asks
    [example] = answer.pop("examples")
    assert (answer, example["end"]) == (
        {
            "dry_run": False,
            "complete": True,
            "objects": 2,
            "records": 2,
            "delivered": 1,
            "skipped": 0,
            "stale": 0,
            "poison": 1,
            "unchecked": 0,
            "undelivered": 0,
            "deliverable": 0,
            "oldest": "2025-10-10T12:34:58.000+00:00",
            "moved": 1,
            "missing": 0,
            "unreadable": 0,
        },
        "poison",
    )


def test_handler__needs_a_bucket(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is nothing to redrive from."""
    wire_to(account, monkeypatch)
    with pytest.raises(Misconfigured, match="set DEAD_LETTER_BUCKET"):
        handler({"prefix": PREFIX}, FakeContext())  # type: ignore[arg-type]  # all it asks


def test_handler__logs_what_was_done_before_it_failed(
    account: Account, answers: Answers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that ends by an error has still sent what it has sent, and says so."""
    wire_to(account, monkeypatch, DEAD_LETTER_BUCKET=BUCKET)
    monkeypatch.setattr("feature_events.redrive._CHUNK_OBJECTS", 1)
    account.set_aside(*to_written(account, 1, 2))
    seen = account.publisher.loses

    def refuse_from_now_on(message: object) -> bool:
        answers["GetObject"] = "SlowDown"
        return seen(message)  # type: ignore[arg-type]  # a message

    account.publisher.loses = refuse_from_now_on
    with pytest.raises(Undelivered, match="GetObject"):
        handler({"prefix": PREFIX}, FakeContext())  # type: ignore[arg-type]  # all it asks
    [report] = [record.report for record in caplog.records if record.message == "redriven"]  # type: ignore[attr-defined]  # its key
    assert (report["complete"], counts(report)) == (False, {"delivered": 1, "moved": 1})
