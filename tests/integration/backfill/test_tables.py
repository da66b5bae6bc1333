"""Test describing, reading and scanning a table."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.client import BaseClient

from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.tables.table import Description, Tables, describe_table
from tests.support.backfills import KEY_NAMES, TABLE_ARN, to_scanned
from tests.support.failures import Answers, FakeAccount

type Requests = list[tuple[str, Any]]
"""The operations and their parameters, in order."""

KEY = {name: to_scanned()[name] for name in KEY_NAMES}


def fill(account: FakeAccount, count: int) -> Sequence[Any]:
    """Write this many items, and return them."""
    items = [to_scanned(f"user-{number}") for number in range(count)]
    for item in items:
        account.dynamodb.put_item(TableName="user_feature_store", Item=item)
    return items


def to_keys(items: Sequence[Any]) -> list[Any]:
    """Return the keys of these items."""
    return [{name: item[name] for name in KEY_NAMES} for item in items]


def entities(items: Sequence[Any]) -> list[str]:
    """Return the sorted entities of these items."""
    return sorted(item["bright_uid"]["S"] for item in items)


@pytest.fixture
def requests(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Requests:  # noqa: ARG001  # it must exist
    """Record all requests to DynamoDB from now on."""
    requests: Requests = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here

    def record(client: object, name: str, parameters: object) -> object:
        requests.append((name, parameters))
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return requests


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("table", ["user_feature_store", TABLE_ARN])
def test_describe_table__accepts_a_name_or_an_arn(table: str) -> None:
    """A request can contain either."""
    assert describe_table(table) == Description(TABLE_ARN, KEY_NAMES, None)


@pytest.mark.usefixtures("account")
def test_describe_table__rejects_a_missing_table() -> None:
    """The error says to check the name."""
    with pytest.raises(Misconfigured, match="the table others does not exist in this account and region: check"):
        describe_table("others")


def test_scan__finds_every_item_once(account: FakeAccount) -> None:
    """The pages of all segments together contain the whole table."""
    items = fill(account, 40)
    tables = Tables()
    found: list[Any] = []
    for segment in range(3):
        after = None
        while True:
            page = tables.scan(TABLE_ARN, segment, 3, after, 4)
            assert len(page.items) <= 4
            found += page.items
            after = page.after
            if after is None:
                break
    assert entities(found) == entities(items)


def test_scan__reads_consistently(requests: Requests) -> None:
    """The order of backfilled and live events depends on consistent reads."""
    Tables().scan(TABLE_ARN, 1, 3, None, 4)
    Tables().scan(TABLE_ARN, 1, 3, KEY, 4)
    first = {"TableName": TABLE_ARN, "Segment": 1, "TotalSegments": 3, "Limit": 4, "ConsistentRead": True}
    assert requests == [("Scan", first), ("Scan", {**first, "ExclusiveStartKey": KEY})]


def test_get_items__reads_batches_consistently(account: FakeAccount, requests: Requests) -> None:
    """A batch has at most 100 items. Items that do not exist are left out."""
    items = fill(account, 230)
    account.dynamodb.delete_item(TableName="user_feature_store", Key=to_keys(items)[7])
    requests.clear()
    found = Tables().get_items(TABLE_ARN, to_keys(items))
    assert entities(found) == entities([*items[:7], *items[8:]])
    batches = [parameters["RequestItems"][TABLE_ARN] for _, parameters in requests]
    assert [(len(each["Keys"]), each["ConsistentRead"]) for each in batches] == [(100, True), (100, True), (30, True)]


def limit_responses(monkeypatch: pytest.MonkeyPatch, limit: Callable[[int], int]) -> None:
    """Limit the number of items in each BatchGetItem response, by the number of earlier requests."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here
    calls: list[None] = []

    def answer(client: object, name: str, parameters: Any) -> Any:  # noqa: ANN401  # boto3's
        [(table, request)] = parameters["RequestItems"].items()
        given = limit(len(calls))
        calls.append(None)
        keys, left = request["Keys"][:given], request["Keys"][given:]
        unprocessed = {table: {**request, "Keys": left}} if left else {}
        if not keys:
            return {"Responses": {}, "UnprocessedKeys": unprocessed}
        answered = call(client, name, {"RequestItems": {table: {**request, "Keys": keys}}})
        return {**answered, "UnprocessedKeys": unprocessed}

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)


def test_get_items__requests_unprocessed_keys_again(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item is missing from a response also if DynamoDB has not processed its key."""
    items = fill(account, 10)
    limit_responses(monkeypatch, lambda call: [4, 0, 10][call])
    sleeps: list[float] = []
    assert entities(Tables(sleeps.append).get_items(TABLE_ARN, to_keys(items))) == entities(items)
    assert sleeps == [0.1, 0.2]


def test_get_items__raises_if_the_table_is_throttled(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait longer each time, and end with an error that is retried later."""
    items = fill(account, 2)
    limit_responses(monkeypatch, lambda _: 0)
    sleeps: list[float] = []
    with pytest.raises(Undelivered, match=r"read capacity exceeded \(throttled\); try again later"):
        Tables(sleeps.append).get_items(TABLE_ARN, to_keys(items))
    assert sum(sleeps) > 10


USE: dict[str, Callable[[], object]] = {
    "DescribeTable": lambda: describe_table(TABLE_ARN),
    "Scan": lambda: Tables().scan(TABLE_ARN, 0, 1, None, 4),
    "BatchGetItem": lambda: Tables().get_items(TABLE_ARN, [KEY]),
}


@pytest.mark.parametrize("operation", USE)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDeniedException", Misconfigured),
        ("ProvisionedThroughputExceededException", Undelivered),
        ("ThrottlingException", Undelivered),
    ],
)
def test_tables__report_a_missing_permission(
    answers: Answers, operation: str, code: str, error: type[FeatureEventsError]
) -> None:
    """The error names the permission. Throttled requests are retried later."""
    answers[operation] = code
    expected = f"grant the function's role dynamodb:{operation}" if error is Misconfigured else "try again later"
    with pytest.raises(error, match=expected):
        USE[operation]()


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
def test_tables__report_a_deleted_table(account: FakeAccount, operation: str) -> None:
    """The table of a resumed run may be gone, and a retry does not help."""
    account.dynamodb.delete_table(TableName="user_feature_store")
    with pytest.raises(Misconfigured, match="it was deleted during the run"):
        USE[operation]()
