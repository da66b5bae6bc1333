"""Test the order in which objects are redriven."""

import pytest

from tests.support.failures import BATCH, BUCKET, PREFIX, FakeAccount, counts, sent, write_records
from tests.support.records import number_of


@pytest.mark.parametrize("objects", [1, 200])
def test_redrive__sorts_by_sequence_number(account: FakeAccount, monkeypatch: pytest.MonkeyPatch, objects: int) -> None:
    """Sequence numbers differ in length, so the order of keys as text is wrong, in and across chunks."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", objects)
    records = write_records(account, 9, 10, 1)
    for record, number in zip(records, ("9", "10", "100"), strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    account.put_dead_letters(*records)
    account.redrive(prefix=PREFIX)
    assert sent(account) == ["9", "10", "100"]


def test_redrive__sorts_old_and_new_keys(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of dead letters of version 0.1.0 contain no eventID."""
    records = write_records(account, *range(6))
    records[0]["dynamodb"]["SequenceNumber"] = "9"  # a shorter number
    for place, record in enumerate(records):
        [key] = account.put_dead_letters(record)
        if place % 2:
            account.put(f"{PREFIX}user_feature_store/{number_of(record)}.json", account.read_bytes(key))
            account.s3.delete_object(Bucket=BUCKET, Key=key)
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 1)  # in a chunk, records are sorted anyway
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 6, "moved": 6})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__sorts_batches_of_the_same_second(account: FakeAccount) -> None:
    """The order of their keys is random, but their records have sequence numbers."""
    records = write_records(account, 1, 2, 3)
    for record, name in zip(records, "cab", strict=True):
        account.put_on_failure_batch(record, key=f"{BATCH}{name}")
    account.redrive(prefix="aws/lambda/")
    assert sent(account) == [number_of(record) for record in records]
