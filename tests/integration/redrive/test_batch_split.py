"""What of an on-failure batch cannot be sent becomes dead letters before the rest is sent."""

import pytest

from tests.support.failures import LARGE, Answers, FakeAccount, counts, sent, to_key, to_written
from tests.support.records import number_of, to_record, to_unreadable_record


def test_redrive__takes_what_lambda_sent_to_the_on_failure_destination(account: FakeAccount) -> None:
    """What of a batch can be sent is sent; the rest becomes dead letters, and the batch goes out of the way."""
    good, large = to_written(account, 1, 2), to_written(account, 4, item=LARGE)
    stale, unreadable = to_record(3, entity="gone"), to_unreadable_record(5)
    batch = account.put_on_failure_batch(good[0], stale, unreadable, *large, good[1], to_record(6, kind="REMOVE"))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"delivered": 2, "skipped": 1, "stale": 1, "poison": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in good]
    letters = [to_key(record) for record in (stale, *large, unreadable)]
    assert account.keys == [*letters, f"redriven/{batch}"]
    assert [account.read(key)["reason"] for key in letters] == [
        "its item is no longer there",
        "Kafka rejected the event: MSG_SIZE_TOO_LARGE",
        "features.data: features is not a map",
    ]
    assert [account.read(key)["record"] for key in letters] == [stale, *large, unreadable]


def test_redrive__sends_nothing_of_a_batch_that_cannot_be_split(
    account: FakeAccount, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays for the next run, which would send all of it again."""
    monkeypatch.setattr("feature_events.redrives.batch_split.time.sleep", lambda _: None)
    batch = account.put_on_failure_batch(*to_written(account, 1), to_unreadable_record(2))
    answers["PutObject"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report), account.keys) == (False, {"undelivered": 2}, [batch])
    assert (report["next"], sent(account)) == ({"prefix": "aws/lambda/"}, [])


def test_redrive__tries_again_to_split_a_batch(
    account: FakeAccount, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request in many that S3 does not take is none that matters."""
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        answers.clear()

    monkeypatch.setattr("feature_events.redrives.batch_split.time.sleep", wait)
    account.put_on_failure_batch(to_unreadable_record(1), to_unreadable_record(2))
    answers[f"PutObject {number_of(to_record(2))}"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (len(waits), counts(report)) == (1, {"poison": 2, "moved": 1})
