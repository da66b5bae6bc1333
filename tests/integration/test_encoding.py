"""Each record is encoded once: live, in a backfill and in a redrive."""

import pytest

from feature_events.backfills.announcement import Announcer
from feature_events.deadline import Deadline
from feature_events.encoder import Encoded, Encoder
from feature_events.records.change import Change, Skipped
from tests.support.backfills import MemoryTable, to_plan, to_scanned
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.failures import PREFIX, Account, counts, in_memory, write_records
from tests.support.pipelines import to_pipeline
from tests.support.records import to_record, to_unreadable_record

TIME_LEFT = Deadline(1e9)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the entities that are encoded, in order."""
    entities: list[str] = []
    encode = Encoder.encode

    def count(encoder: Encoder, change: Change) -> Encoded | Skipped:
        entities.append(change.keys["bright_uid"]["S"])
        return encode(encoder, change)

    monkeypatch.setattr(Encoder, "encode", count)
    return entities


def test_run__encodes_each_record_once(encoded: list[str]) -> None:
    """A bad record divides the batch, but no record is encoded again."""
    records = [to_record(0, entity="a"), to_unreadable_record(1, entity="b"), to_record(2, entity="c")]
    to_pipeline(FakePublisher(), FakeDeadLetters()).run(records, TIME_LEFT)
    assert encoded == ["a", "b", "c"]


def test_announce__encodes_each_item_once(encoded: list[str]) -> None:
    """Items that do not change while a backfill announces them are encoded once."""
    items = [to_scanned("a"), to_scanned("b")]
    pipeline = to_pipeline(FakePublisher(), FakeDeadLetters())
    announced = Announcer(to_plan(), pipeline, MemoryTable(*items), 20.0, "1/request").announce(items, TIME_LEFT)
    assert (announced.delivered, encoded) == (2, ["a", "b"])


def test_redrive__encodes_each_record_once(encoded: list[str]) -> None:
    """The message from the staleness check is sent."""
    with in_memory():
        account = Account(FakePublisher())
        account.put_dead_letters(*write_records(account, 1, 2), to_record(3, entity="stale"))
        report = account.redrive(prefix=PREFIX)
    assert counts(report) == {"delivered": 2, "stale": 1, "moved": 2}
    assert encoded == ["user-1", "user-2", "stale"]
