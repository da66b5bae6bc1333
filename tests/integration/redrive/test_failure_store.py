"""Test reading the objects in the failure bucket."""

import json
from collections.abc import Callable

import pytest

from tests.support.failures import (
    BATCH,
    MAPPING,
    PREFIX,
    SHARD,
    Answers,
    FakeAccount,
    counts,
    sent,
    to_batch_metadata,
    write_records,
)
from tests.support.records import Json, number_of


@pytest.mark.parametrize("form", [lambda payload: payload, json.dumps], ids=["on AWS", "in AWS's guide"])
def test_redrive__reads_both_forms_of_batches(account: FakeAccount, form: Callable[[Json], object]) -> None:
    """The payload is an object on AWS and a string in AWS's guide."""
    records = write_records(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), "payload": form({"Records": records})}).encode())
    assert counts(account.redrive(prefix=f"aws/lambda/{MAPPING}/")) == {"delivered": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == [f"redriven/{BATCH}"]


@pytest.mark.parametrize("payload", [{"Records": []}, json.dumps({"Records": []})], ids=["object", "text"])
def test_redrive__archives_an_empty_batch(account: FakeAccount, payload: object) -> None:
    """There is nothing to send."""
    account.put(BATCH, json.dumps({"payload": payload}).encode())
    assert counts(account.redrive(prefix="aws/lambda/")) == {"moved": 1}


@pytest.mark.parametrize("payload", [{}, {"payload": None}], ids=["absent", "null"])
def test_redrive__says_how_to_handle_a_batch_without_payload(
    account: FakeAccount, payload: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """Such a batch only names its records. It stays, and the log says how to announce them."""
    records = write_records(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), **payload}).encode())
    report = account.redrive(prefix="aws/lambda/")
    assert (counts(report), account.keys) == ({"unreadable": 1}, [BATCH])
    (entry,) = [each for each in caplog.records if each.message == "object not redriven"]
    assert vars(entry)["reason"] == (
        f"on-failure batch without its payload: it only names its 2 records, {number_of(records[0])} to "
        f"{number_of(records[1])} of shard {SHARD} of {records[0]['eventSourceARN']}; write their items again, then "
        "delete this object"
    )


@pytest.mark.parametrize(
    "information",
    [None, 7, {}, {"batchSize": {"S": "secret"}, "shardId": ["secret"]}, {"startSequenceNumber": "user-1"}],
)
def test_redrive__logs_only_valid_names_of_a_batch_without_payload(
    account: FakeAccount, information: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that does not have AWS's form may be payload, so it is not logged."""
    account.put(BATCH, json.dumps({"DDBStreamBatchInfo": information}).encode())
    assert counts(account.redrive(prefix="aws/lambda/")) == {"unreadable": 1}
    (entry,) = [each for each in caplog.records if each.message == "object not redriven"]
    assert "without its payload" in vars(entry)["reason"]
    assert [word for word in ("secret", "user-1") if word in vars(entry)["reason"]] == []


@pytest.mark.parametrize(
    "body",
    [b"", b"text", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"payload": 7}', b'{"payload": "{}"}',
     b'{"payload": {"Records": 7}}'],
)  # fmt: skip
@pytest.mark.parametrize("key", [f"{PREFIX}t/1.json", BATCH])
def test_redrive__does_not_touch_other_objects(account: FakeAccount, key: str, body: bytes) -> None:
    """An object without records is counted and stays."""
    account.put(key, body)
    report = account.redrive(keys=[key])
    assert (report["complete"], counts(report), account.keys) == (True, {"unreadable": 1}, [key])


def test_redrive__ignores_the_object_of_the_preflight_check(account: FakeAccount) -> None:
    """The preflight check writes an empty object among the dead letters."""
    account.put(f"{PREFIX}check", b"")
    report = account.redrive(prefix=PREFIX)
    assert (report["objects"], report["complete"], account.keys) == (0, True, [f"{PREFIX}check"])


def test_redrive__does_not_read_an_object_that_is_too_large(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object could exceed the function's memory. It stays."""
    small, large = account.put_dead_letters(*write_records(account, 1, 2))
    account.put(large, account.read_bytes(large).ljust(5001))
    monkeypatch.setattr("feature_events.failures.failure_store.MOST_BYTES", 5000)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [large, f"redriven/{small}"]


@pytest.mark.parametrize(
    "code", ["AccessDenied", "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"]
)
def test_redrive__continues_if_an_object_cannot_be_read(account: FakeAccount, answers: Answers, code: str) -> None:
    """An object with its own KMS key stays, and the others are redriven."""
    keys = account.put_dead_letters(*write_records(account, 1, 2))
    answers[f"GetObject {keys[0]}"] = code
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]
