"""Test splitting on-failure batches into dead letters and records that can be sent."""

import pytest

from tests.support.failures import LARGE, Answers, FakeAccount, counts, sent, to_dead_letter_key, write_records
from tests.support.records import number_of, to_record, to_unreadable_record


def test_redrive__splits_an_on_failure_batch(account: FakeAccount) -> None:
    """Records that can be sent are sent. The others become dead letters, and the batch is archived."""
    good, large = write_records(account, 1, 2), write_records(account, 4, item=LARGE)
    stale, unreadable = to_record(3, entity="gone"), to_unreadable_record(5)
    batch = account.put_on_failure_batch(good[0], stale, unreadable, *large, good[1], to_record(6, kind="REMOVE"))
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"delivered": 2, "skipped": 1, "stale": 1, "poison": 2, "moved": 1}
    assert sent(account) == [number_of(record) for record in good]
    letters = [to_dead_letter_key(record) for record in (stale, *large, unreadable)]
    assert account.keys == [*letters, f"redriven/{batch}"]
    assert [account.read(key)["reason"] for key in letters] == [
        "its item no longer exists",
        "Kafka rejected the event: MSG_SIZE_TOO_LARGE",
        "features.data: features is not a map",
    ]
    assert [account.read(key)["record"] for key in letters] == [stale, *large, unreadable]


def test_redrive__sends_nothing_of_a_batch_that_cannot_be_split(
    account: FakeAccount, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch stays for the next run, which would send its records again."""
    monkeypatch.setattr("feature_events.redrives.split.time.sleep", lambda _: None)
    batch = account.put_on_failure_batch(*write_records(account, 1), to_unreadable_record(2))
    answers["PutObject"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report), account.keys) == (False, {"undelivered": 2}, [batch])
    assert (report["next"], sent(account)) == ({"prefix": "aws/lambda/"}, [])


def test_redrive__retries_writing_a_dead_letter(
    account: FakeAccount, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single failed request to S3 does not matter."""
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        answers.clear()

    monkeypatch.setattr("feature_events.redrives.split.time.sleep", wait)
    account.put_on_failure_batch(to_unreadable_record(1), to_unreadable_record(2))
    answers[f"PutObject {number_of(to_record(2))}"] = "SlowDown"
    report = account.redrive(prefix="aws/lambda/")
    assert (len(waits), counts(report)) == (1, {"poison": 2, "moved": 1})
