"""Test which records are stale."""

import pytest

from tests.support.failures import PREFIX, Answers, FakeAccount, counts, sent, write_records
from tests.support.records import Json, number_of, to_item, to_record


@pytest.mark.parametrize("since", ["written", "deleted"])
def test_redrive__sends_stale_records_only_if_forced(account: FakeAccount, since: str) -> None:
    """If the item has changed or was deleted, the features of the record may no longer exist."""
    record = to_record(1)
    if since == "written":
        account.write(to_record(2, item=to_item(value=2)))
    keys = account.put_dead_letters(record)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report), account.keys, sent(account)) == (True, {"stale": 1}, keys, [])
    reasons = {"written": "its item has changed since", "deleted": "its item no longer exists"}
    assert report["examples"][0]["reason"] == reasons[since]
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}
    assert sent(account) == [number_of(record)]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_redrive__treats_records_without_a_table_as_stale(account: FakeAccount, answers: Answers, code: str) -> None:
    """The table was deleted, or its keys have changed."""
    account.put_dead_letters(to_record(1))
    answers["GetItem"] = code
    assert account.redrive(prefix=PREFIX)["examples"][0]["reason"] == "its item no longer exists"


@pytest.mark.parametrize(
    "key", [{"B": "AAEC"}, {"B": "no base64"}, {"B": "é"}, {"S": "x", "B": 7}, {"S": "x", "N": "1"}]
)
def test_redrive__accepts_invalid_keys(account: FakeAccount, key: Json) -> None:
    """A record with keys that no table can have is stale and does not block others."""
    record = to_record(1)
    record["dynamodb"]["Keys"]["bright_uid"] = key
    account.put_dead_letters(record, *write_records(account, 2))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


def test_redrive__accepts_deeply_nested_items(account: FakeAccount) -> None:
    """An image that is nested more deeply than any item is stale and does not block others."""
    deep: Json = {"S": "x"}
    for _ in range(700):
        deep = {"M": {"a": deep}}
    account.put_dead_letters(to_record(1, item=to_item() | {"deep": deep}), *write_records(account, 2))
    account.write(to_record(1))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        (to_item(updated_at="2026-01-01T00:00:00.000Z"), "delivered"),
        (to_item(("age", "income", "city")), "delivered"),
        (to_item(("age",)), "delivered"),
        (to_item(value=2), "stale"),
        ({"features": {"S": "none"}}, "stale"),
        ({}, "stale"),
    ],
    ids=["new time", "added feature", "one feature left", "changed values", "other layout", "no features"],
)
def test_redrive__compares_features_in_mode_changed(account: FakeAccount, item: Json, outcome: str) -> None:
    """A feature that still has its value has no later event."""
    account.features_mode = "changed"
    account.put_dead_letters(to_record(1))
    account.write(to_record(2, item=item))
    assert account.redrive(prefix=PREFIX)[outcome] == 1  # type: ignore[literal-required]  # a field


def test_redrive__compares_whole_items_in_mode_all(account: FakeAccount) -> None:
    """Every later write has its own event."""
    account.put_dead_letters(to_record(1))
    account.write(to_record(2, item=to_item(updated_at="2026-01-01T00:00:00.000Z")))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1}
