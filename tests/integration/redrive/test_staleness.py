"""What its table no longer has is not sent unless that is forced; one table that does not answer stops nobody."""

import base64

import pytest

from tests.support.failures import PREFIX, Answers, FakeAccount, counts, sent, to_key, to_written
from tests.support.records import Json, number_of, to_item, to_record


@pytest.mark.parametrize("since", ["written", "deleted"])
def test_redrive__refuses_what_is_stale_unless_forced(account: FakeAccount, since: str) -> None:
    """Where the item is another by now, its features of then are no longer what can be had."""
    record = to_record(1)
    if since == "written":
        account.write(to_record(2, item=to_item(value=2)))
    keys = account.put_dead_letters(record)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report), account.keys, sent(account)) == (True, {"stale": 1}, keys, [])
    reasons = {"written": "its item was written since", "deleted": "its item is no longer there"}
    assert report["examples"][0]["reason"] == reasons[since]
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}
    assert sent(account) == [number_of(record)]


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
def test_redrive__takes_what_no_table_has_for_stale(account: FakeAccount, answers: Answers, code: str) -> None:
    """A record whose table is gone, or has other keys by now, stops nobody."""
    account.put_dead_letters(to_record(1))
    answers["GetItem"] = code
    assert account.redrive(prefix=PREFIX)["examples"][0]["reason"] == "its item is no longer there"


@pytest.mark.parametrize(
    "key", [{"B": "AAEC"}, {"B": "no base64"}, {"B": "é"}, {"S": "x", "B": 7}, {"S": "x", "N": "1"}]
)
def test_redrive__takes_odd_keys(account: FakeAccount, key: Json) -> None:
    """A key is base64 in a record and bytes in a request; what no table can have stops nobody."""
    record = to_record(1)
    record["dynamodb"]["Keys"]["bright_uid"] = key
    account.put_dead_letters(record, *to_written(account, 2))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


def test_redrive__takes_odd_items(account: FakeAccount) -> None:
    """An image deeper than any item stops nobody."""
    deep: Json = {"S": "x"}
    for _ in range(700):
        deep = {"M": {"a": deep}}
    account.put_dead_letters(to_record(1, item=to_item() | {"deep": deep}), *to_written(account, 2))
    account.write(to_record(1))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1, "delivered": 1, "moved": 1}


def test_redrive__knows_an_item_again_whatever_it_holds(account: FakeAccount) -> None:
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
    account.put_dead_letters(record)
    assert counts(account.redrive(prefix=PREFIX)) == {"delivered": 1, "moved": 1}


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
def test_redrive__compares_the_features_that_are_announced(account: FakeAccount, item: Json, end: str) -> None:
    """A later write that changed none of them was never announced itself, where only changes are."""
    account.features_mode = "changed"
    account.put_dead_letters(to_record(1))
    account.write(to_record(2, item=item))
    assert account.redrive(prefix=PREFIX)[end] == 1  # type: ignore[literal-required]  # one of its names


def test_redrive__compares_whole_items_where_every_write_is_announced(account: FakeAccount) -> None:
    """The later write has its own event, whatever it changed."""
    account.put_dead_letters(to_record(1))
    account.write(to_record(2, item=to_item(updated_at="2026-01-01T00:00:00.000Z")))
    assert counts(account.redrive(prefix=PREFIX)) == {"stale": 1}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ProvisionedThroughputExceededException"])
def test_redrive__goes_on_where_a_table_does_not_answer(account: FakeAccount, answers: Answers, code: str) -> None:
    """What could not be compared is left, is in the report, and stops nobody; of a batch it becomes a dead letter."""
    other = to_record(1)
    other["eventSourceARN"] = other["eventSourceARN"].replace("user_feature_store", "former_store")
    batch = account.put_on_failure_batch(other, *to_written(account, 2, 3))
    answers["GetItem former_store"] = code
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report)) == (True, {"unchecked": 1, "delivered": 2, "moved": 1})
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/former_store"
    assert f"the table {table} cannot be read ({code})" in report["examples"][0]["reason"]
    letter = to_key(other)
    assert account.keys == [letter, f"redriven/{batch}"]
    assert counts(account.redrive(prefix=PREFIX)) == {"unchecked": 1}
    answers.clear()
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}
