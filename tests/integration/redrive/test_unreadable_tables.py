"""Test records whose items cannot be read: a batch is not turned into dead letters because of a temporary condition."""

from collections.abc import Callable

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from feature_events.layouts.table_layouts import TableLayouts
from tests.support.failures import BATCH, PREFIX, Answers, FakeAccount, counts, sent, to_dead_letter_key, write_records
from tests.support.records import Json, number_of, to_record

THROTTLED = "ProvisionedThroughputExceededException"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"


@pytest.fixture
def throttle(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:  # noqa: ARG001  # it must exist
    """Return a function that lets DynamoDB throttle all reads after the given number of reads."""
    left = [float("inf")]
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here

    def answer(client: object, name: str, parameters: object) -> object:
        if name == "GetItem":
            left[0] -= 1
            if left[0] < 0:
                raise ClientError({"Error": {"Code": THROTTLED}}, name)
        return call(client, name, parameters)

    def limit(reads: float) -> None:
        left[0] = reads

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return limit


@pytest.mark.parametrize("reads", [0, 10, 299])
def test_redrive__leaves_a_batch_whose_table_is_throttled(
    account: FakeAccount, throttle: Callable[[float], None], reads: int
) -> None:
    """The batch stays as it is, without dead letters. The next run sends it."""
    records = write_records(account, *range(300))
    batch = account.put_on_failure_batch(*records)
    throttle(reads)
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], report["next"]) == (False, {"prefix": "aws/lambda/"})
    assert (report["delivered"] + report["undelivered"], report["moved"], account.keys) == (300, 0, [batch])
    assert report["examples"]
    assert all(f"the table {TABLE} cannot be read ({THROTTLED})" in each["reason"] for each in report["examples"])

    throttle(float("inf"))
    report = account.redrive(**report["next"])
    assert (report["complete"], counts(report)) == (True, {"delivered": 300, "moved": 1})
    assert account.keys == [f"redriven/{batch}"]
    assert list(dict.fromkeys(sent(account))) == [number_of(record) for record in records]


def test_redrive__sends_nothing_of_a_group_with_an_unread_record_of_the_batch(
    account: FakeAccount, throttle: Callable[[float], None]
) -> None:
    """The batch stays, so the next run would send its records again. Stale ones do not become dead letters either."""
    batch = account.put_on_failure_batch(to_record(0, entity="gone"), *write_records(account, 1, 2))
    throttle(2)
    report = account.redrive(prefix="aws/lambda/")
    assert report["stale"] + report["undelivered"] == 3
    assert (report["complete"], sent(account), account.keys) == (False, [], [batch])
    reasons = [each["reason"] for each in report["examples"] if each["end"] == "undelivered"]
    assert any(reason.startswith("not sent with its batch") for reason in reasons)


def test_redrive__sends_other_objects_of_a_throttled_table(
    account: FakeAccount, throttle: Callable[[float], None]
) -> None:
    """Dead letters whose items were read are sent. The next run starts with the first of the others."""
    account.put_dead_letters(*write_records(account, *range(20)))
    throttle(15)
    report = account.redrive(prefix=PREFIX)
    assert (report["complete"], counts(report)) == (False, {"delivered": 15, "undelivered": 5, "moved": 15})
    throttle(float("inf"))
    assert counts(account.redrive(**report["next"])) == {"delivered": 5, "moved": 5}


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (
            "_CHECK_SECONDS",
            "its item was not read within 0 seconds; if its table throttles reads, raise the table's read",
        ),
        ("_CHUNK_SECONDS", "not sent: no time left; raise `seconds`"),
    ],
)
def test_redrive__leaves_a_batch_if_no_time_is_left(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, limit: str, reason: str
) -> None:
    """The report says what to change."""
    batch = account.put_on_failure_batch(*write_records(account, 1, 2))
    monkeypatch.setattr(f"feature_events.redrives.run.{limit}", 0.0)
    report = account.redrive(prefix="aws/lambda/", seconds=0.0)
    assert (report["complete"], counts(report), account.keys) == (False, {"undelivered": 2}, [batch])
    assert report["examples"]
    assert all(each["reason"].startswith(reason) for each in report["examples"])


def test_redrive__counts_records_that_a_dry_run_cannot_check(
    account: FakeAccount, throttle: Callable[[float], None]
) -> None:
    """A dry run reports the records that a run could send now, and how to continue."""
    keys = account.put_dead_letters(*write_records(account, *range(60)))
    throttle(55)
    report = account.redrive(prefix=PREFIX, dry_run=True)
    assert (report["complete"], counts(report)) == (False, {"deliverable": 55, "undelivered": 5})
    assert (account.keys, sent(account)) == (keys, [])


def test_redrive__leaves_a_batch_whose_table_it_is_not_allowed_to_read(account: FakeAccount, answers: Answers) -> None:
    """The operator grants the permission, and redrives the batch. Until then, other objects are redriven."""
    batch = account.put_on_failure_batch(*write_records(account, 1, 2), to_record(3, kind="REMOVE"))
    other = account.put_on_failure_batch(*to_other_table(4), key=f"{BATCH}-2")
    answers["GetItem table/user_feature_store"] = "AccessDeniedException"
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report)) == (True, {"unchecked": 2, "skipped": 1, "stale": 1, "moved": 1})
    assert account.keys == [batch, to_dead_letter_key(*to_other_table(4)), f"redriven/{other}"]
    assert f"the table {TABLE} cannot be read (AccessDeniedException)" in report["examples"][0]["reason"]
    answers.clear()
    assert counts(account.redrive(prefix="aws/lambda/")) == {"delivered": 2, "skipped": 1, "moved": 1}


def to_other_table(number: int) -> list[Json]:
    """Return a record of another table, which does not exist."""
    record = to_record(number)
    record["eventSourceARN"] = record["eventSourceARN"].replace("user_feature_store", "former_store")
    return [record]


def test_redrive__splits_a_batch_of_which_it_can_read_some_items(account: FakeAccount, answers: Answers) -> None:
    """Otherwise, the records that can be sent would wait for the permission, or be sent by each run."""
    [other] = to_other_table(1)
    batch = account.put_on_failure_batch(other, *write_records(account, 2, 3))
    answers["GetItem former_store"] = "AccessDeniedException"
    report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report)) == (True, {"unchecked": 1, "delivered": 2, "moved": 1})
    letter = to_dead_letter_key(other)
    assert account.keys == [letter, f"redriven/{batch}"]
    assert counts(account.redrive(prefix=PREFIX)) == {"unchecked": 1}
    answers.clear()
    assert counts(account.redrive(prefix=PREFIX, force=True)) == {"delivered": 1, "moved": 1}


def test_redrive__leaves_a_batch_that_no_layout_fits(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator corrects TableLayouts, and redrives the batch."""
    batch = account.put_on_failure_batch(*write_records(account, 1, 2))
    with monkeypatch.context() as patch:
        patch.setattr("tests.support.pipelines.to_layouts", lambda: TableLayouts([]))
        report = account.redrive(prefix="aws/lambda/")
    assert (report["complete"], counts(report), account.keys) == (True, {"poison": 2}, [batch])
    assert "no layout fits the table user_feature_store" in report["examples"][0]["reason"]
    assert counts(account.redrive(prefix="aws/lambda/")) == {"delivered": 2, "moved": 1}
