"""Test redrives of deleted, expired and emptied items."""

import pytest

from feature_events.layouts.entity_features import FeaturesMode
from tests.support.failures import PREFIX, FakeAccount, counts, redriven, sent, to_dead_letter_key
from tests.support.records import Json, number_of, to_expired_record, to_item, to_record, to_removal_record

EMPTIED = to_record(1, kind="MODIFY", item={}, old=to_item())
REMOVED = [to_removal_record(1), to_removal_record(1, old=to_item()), to_expired_record(1), EMPTIED]

each_removal = pytest.mark.parametrize(
    "record", REMOVED, ids=["deleted", "deleted with old image", "expired", "emptied"]
)
each_mode = pytest.mark.parametrize("mode", ["all", "changed"])


@each_mode
@each_removal
@pytest.mark.parametrize("now", [None, {}, to_item(()), {"features": {"S": "unreadable"}}])
def test_redrive__sends_a_removal_of_an_item_without_features(
    account: FakeAccount, record: Json, now: Json | None, mode: FeaturesMode
) -> None:
    """The removal is still current if the item is absent, has no features or is unreadable."""
    account.removals, account.features_mode = "events", mode
    if now is not None:
        account.write(to_record(2, item=now))
    keys = account.put_dead_letters(record)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report), account.keys) == (True, {"delivered": 1, "moved": 1}, redriven(keys))
    assert [message.event_type for message in account.publisher.log] == ["feature_unavailable"]


@each_mode
@each_removal
def test_redrive__sends_a_removal_of_an_item_with_features_only_if_forced(
    account: FakeAccount, record: Json, mode: FeaturesMode
) -> None:
    """The features exist again, so their removal would be wrong."""
    account.removals, account.features_mode = "events", mode
    account.write(to_record(2))
    keys = account.put_dead_letters(record)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report), account.keys, sent(account)) == (True, {"stale": 1}, keys, [])
    again = "its item has features again" if record is EMPTIED else "its item exists again"
    assert report["examples"][0]["reason"] == again
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}


def test_redrive__sends_the_last_of_several_changes(account: FakeAccount) -> None:
    """A batch with writes and deletions of one item sends only the records that are still current."""
    account.removals = "events"
    records = [to_record(1), to_removal_record(2), to_record(3, item=to_item(value=2)), to_removal_record(4)]
    batch = account.put_on_failure_batch(*records)
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"delivered": 2, "stale": 2, "moved": 1}
    assert sent(account) == [number_of(records[1]), number_of(records[3])]
    assert account.keys == [*map(to_dead_letter_key, (records[0], records[2])), f"redriven/{batch}"]


@each_removal
def test_redrive__skips_removals_by_default(account: FakeAccount, record: Json) -> None:
    """With `REMOVALS=none`, a removal produces no event, so its dead letter is archived."""
    keys = account.put_dead_letters(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"skipped": 1, "moved": 1}
    assert (account.keys, sent(account)) == (redriven(keys), [])
