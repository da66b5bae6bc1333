"""Objects of the failure bucket are read in the forms that they have; one without records is left alone."""

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
    to_written,
)
from tests.support.records import Json, number_of


@pytest.mark.parametrize("form", [lambda payload: payload, json.dumps], ids=["as seen on AWS", "as in AWS's guide"])
def test_redrive__takes_batches_of_either_form(account: FakeAccount, form: Callable[[Json], object]) -> None:
    """A payload is an object where AWS was watched, and a text in its guide; both are sent, under AWS's own key."""
    records = to_written(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), "payload": form({"Records": records})}).encode())
    assert counts(account.redrive(prefix=f"aws/lambda/{MAPPING}/")) == {"delivered": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in records]
    assert account.keys == [f"redriven/{BATCH}"]


@pytest.mark.parametrize("payload", [{"Records": []}, json.dumps({"Records": []})], ids=["object", "text"])
def test_redrive__takes_an_empty_batch_for_done(account: FakeAccount, payload: object) -> None:
    """It has nothing to send."""
    account.put(BATCH, json.dumps({"payload": payload}).encode())
    assert counts(account.redrive(prefix="aws/lambda/")) == {"moved": 1}


@pytest.mark.parametrize("payload", [{}, {"payload": None}], ids=["absent", "null"])
def test_redrive__says_of_a_batch_without_payload_what_is_to_be_done(
    account: FakeAccount, payload: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """It only names its records, so it is left alone; the log says which they are and how they are announced."""
    records = to_written(account, 1, 2)
    account.put(BATCH, json.dumps({**to_batch_metadata(records), **payload}).encode())
    report = account.redrive(prefix="aws/lambda/")
    assert (counts(report), account.keys) == ({"unreadable": 1}, [BATCH])
    (entry,) = [each for each in caplog.records if each.message == "object not redriven"]
    assert vars(entry)["reason"] == (
        f"it is an on-failure batch without its payload: it only names its 2 records, {number_of(records[0])} to "
        f"{number_of(records[1])} of shard {SHARD} of {records[0]['eventSourceARN']}; write their items again, then "
        "delete it"
    )


@pytest.mark.parametrize(
    "information",
    [None, 7, {}, {"batchSize": {"S": "secret"}, "shardId": ["secret"]}, {"startSequenceNumber": "user-1"}],
)
def test_redrive__repeats_nothing_odd_of_a_batch_without_payload(
    account: FakeAccount, information: object, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not of the form that AWS gives it is not repeated in a log."""
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
def test_redrive__leaves_alone_what_holds_no_records(account: FakeAccount, key: str, body: bytes) -> None:
    """Somebody else's object is counted and not touched."""
    account.put(key, body)
    report = account.redrive(keys=[key])
    assert (report["complete"], counts(report), account.keys) == (True, {"unreadable": 1}, [key])


def test_redrive__does_not_look_at_what_the_preflight_check_puts(account: FakeAccount) -> None:
    """The preflight check's object beside the dead letters holds nothing."""
    account.put(f"{PREFIX}check", b"")
    report = account.redrive(prefix=PREFIX)
    assert (report["objects"], report["complete"], account.keys) == (0, True, [f"{PREFIX}check"])


def test_redrive__reads_no_object_that_is_too_large(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's object might have more bytes than the function has memory; it is left alone, with the reason."""
    small, large = account.put_dead_letters(*to_written(account, 1, 2))
    account.put(large, account.read_bytes(large).ljust(5001))
    monkeypatch.setattr("feature_events.failures.failure_store.MOST_BYTES", 5000)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [large, f"redriven/{small}"]


@pytest.mark.parametrize(
    "code", ["AccessDenied", "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"]
)
def test_redrive__goes_on_where_an_object_is_not_allowed_to_be_read(
    account: FakeAccount, answers: Answers, code: str
) -> None:
    """An object under another key than the rest is left, and stops nobody."""
    keys = account.put_dead_letters(*to_written(account, 1, 2))
    answers[f"GetObject {keys[0]}"] = code
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"unreadable": 1, "delivered": 1, "moved": 1})
    assert account.keys == [keys[0], f"redriven/{keys[1]}"]
