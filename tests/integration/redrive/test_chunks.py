"""Objects are taken in the order of their table's stream, within a chunk and from one to the next."""

import pytest

from tests.support.failures import BATCH, BUCKET, PREFIX, FakeAccount, counts, sent, to_written
from tests.support.records import number_of


@pytest.mark.parametrize("objects", [1, 200])
def test_redrive__goes_by_sequence_number(account: FakeAccount, monkeypatch: pytest.MonkeyPatch, objects: int) -> None:
    """Numbers are not all of one length, and a key's order is not theirs; within a chunk, and from one to the next."""
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", objects)
    records = to_written(account, 9, 10, 1)
    for record, number in zip(records, ("9", "10", "100"), strict=True):
        record["dynamodb"]["SequenceNumber"] = number
    account.put_dead_letters(*records)
    account.redrive(prefix=PREFIX)
    assert sent(account) == ["9", "10", "100"]


def test_redrive__keeps_the_order_of_dead_letters_of_both_forms(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier release put, without an eventID in its key, is sent in its place among what this one puts."""
    records = to_written(account, *range(6))
    records[0]["dynamodb"]["SequenceNumber"] = "9"  # numbers are not all of one length
    for place, record in enumerate(records):
        [key] = account.put_dead_letters(record)
        if place % 2:
            account.put(f"{PREFIX}user_feature_store/{number_of(record)}.json", account.read_bytes(key))
            account.s3.delete_object(Bucket=BUCKET, Key=key)
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 1)  # within a chunk, records are sorted besides
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (True, {"delivered": 6, "moved": 6})
    assert sent(account) == [number_of(record) for record in records]


def test_redrive__sends_batches_of_one_second_in_stream_order(account: FakeAccount) -> None:
    """Lambda gives their names no order; their records have one."""
    records = to_written(account, 1, 2, 3)
    for record, name in zip(records, "cab", strict=True):
        account.put_on_failure_batch(record, key=f"{BATCH}{name}")
    account.redrive(prefix="aws/lambda/")
    assert sent(account) == [number_of(record) for record in records]
