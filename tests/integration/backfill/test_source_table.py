"""A table is read to its last item, consistently, and at the pace that it allows."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.client import BaseClient

from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.tables.source_table import Description, ScannedTable, describe_table
from tests.support.backfills import KEY_NAMES, TABLE_ARN, to_scanned
from tests.support.failures import Answers, FakeAccount

type Requests = list[tuple[str, Any]]
"""Operations and their parameters, in order."""

KEY = {name: to_scanned()[name] for name in KEY_NAMES}


def fill(account: FakeAccount, count: int) -> Sequence[Any]:
    """Writes so many items, and gives them."""
    items = [to_scanned(f"user-{number}") for number in range(count)]
    for item in items:
        account.dynamodb.put_item(TableName="user_feature_store", Item=item)
    return items


def to_keys(items: Sequence[Any]) -> list[Any]:
    """The keys of these."""
    return [{name: item[name] for name in KEY_NAMES} for item in items]


def entities(items: Sequence[Any]) -> list[str]:
    """Whose they are, sorted."""
    return sorted(item["bright_uid"]["S"] for item in items)


@pytest.fixture
def requests(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Requests:  # noqa: ARG001  # once it is there
    """What DynamoDB is asked from now on."""
    requests: Requests = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # where every request passes

    def record(client: object, name: str, parameters: object) -> object:
        requests.append((name, parameters))
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return requests


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("table", ["user_feature_store", TABLE_ARN])
def test_describe_table__finds_it_by_name_and_by_arn(table: str) -> None:
    """Either is what the request may have."""
    assert describe_table(table) == Description(TABLE_ARN, KEY_NAMES)


@pytest.mark.usefixtures("account")
def test_describe_table__says_that_there_is_none() -> None:
    """A name that is mistyped is corrected in the request."""
    with pytest.raises(Misconfigured, match="there is no table others in this account and region: correct the request"):
        describe_table("others")


def test_scan__finds_every_item_once(account: FakeAccount) -> None:
    """All segments together, page by page, are the table."""
    items = fill(account, 40)
    table = ScannedTable(TABLE_ARN)
    found: list[Any] = []
    for segment in range(3):
        after = None
        while True:
            page = table.scan(segment, 3, after, 4)
            assert len(page.items) <= 4
            found += page.items
            after = page.after
            if after is None:
                break
    assert entities(found) == entities(items)


def test_scan__asks_for_its_segment_consistently(requests: Requests) -> None:
    """The order beside the live events rests on consistent reads."""
    ScannedTable(TABLE_ARN).scan(1, 3, None, 4)
    ScannedTable(TABLE_ARN).scan(1, 3, KEY, 4)
    first = {"TableName": TABLE_ARN, "Segment": 1, "TotalSegments": 3, "Limit": 4, "ConsistentRead": True}
    assert requests == [("Scan", first), ("Scan", {**first, "ExclusiveStartKey": KEY})]


def test_read__asks_for_a_hundred_items_at_once_consistently(account: FakeAccount, requests: Requests) -> None:
    """As many as BatchGetItem takes; what was deleted is left out."""
    items = fill(account, 230)
    account.dynamodb.delete_item(TableName="user_feature_store", Key=to_keys(items)[7])
    requests.clear()
    found = ScannedTable(TABLE_ARN).read(to_keys(items))
    assert entities(found) == entities([*items[:7], *items[8:]])
    asked = [parameters["RequestItems"][TABLE_ARN] for _, parameters in requests]
    assert [(len(each["Keys"]), each["ConsistentRead"]) for each in asked] == [(100, True), (100, True), (30, True)]


def give_some(monkeypatch: pytest.MonkeyPatch, most: Callable[[int], int]) -> None:
    """Lets each BatchGetItem give at most so many items, by how many have been asked for it."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # where every request passes
    calls: list[None] = []

    def answer(client: object, name: str, parameters: Any) -> Any:  # noqa: ANN401  # boto3's
        [(table, request)] = parameters["RequestItems"].items()
        given = most(len(calls))
        calls.append(None)
        keys, left = request["Keys"][:given], request["Keys"][given:]
        unprocessed = {table: {**request, "Keys": left}} if left else {}
        if not keys:
            return {"Responses": {}, "UnprocessedKeys": unprocessed}
        answered = call(client, name, {"RequestItems": {table: {**request, "Keys": keys}}})
        return {**answered, "UnprocessedKeys": unprocessed}

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)


def test_read__asks_for_the_rest_where_it_gets_a_part(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that is not in an answer was perhaps not read; only one that DynamoDB has read can be deleted."""
    items = fill(account, 10)
    give_some(monkeypatch, lambda call: [4, 0, 10][call])
    sleeps: list[float] = []
    assert entities(ScannedTable(TABLE_ARN, sleeps.append).read(to_keys(items))) == entities(items)
    assert sleeps == [0.1, 0.2]


def test_read__is_undelivered_where_it_gets_nothing(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table without capacity is waited for, with growing patience, and then by whoever tries again."""
    items = fill(account, 2)
    give_some(monkeypatch, lambda _: 0)
    sleeps: list[float] = []
    with pytest.raises(Undelivered, match="asked for more than it can give; try again later"):
        ScannedTable(TABLE_ARN, sleeps.append).read(to_keys(items))
    assert sum(sleeps) > 10


USE: dict[str, Callable[[], object]] = {
    "DescribeTable": lambda: describe_table(TABLE_ARN),
    "Scan": lambda: ScannedTable(TABLE_ARN).scan(0, 1, None, 4),
    "BatchGetItem": lambda: ScannedTable(TABLE_ARN).read([KEY]),
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
def test_table__says_what_is_missing(
    answers: Answers, operation: str, code: str, error: type[FeatureEventsError]
) -> None:
    """A permission is named; a throttled table is asked again later."""
    answers[operation] = code
    expected = f"grant the function's role dynamodb:{operation}" if error is Misconfigured else "try again later"
    with pytest.raises(error, match=expected):
        USE[operation]()


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
def test_table__says_that_it_was_deleted(account: FakeAccount, operation: str) -> None:
    """A run that goes on a week later may find none, and no retry helps."""
    account.dynamodb.delete_table(TableName="user_feature_store")
    with pytest.raises(Misconfigured, match="it was deleted meanwhile"):
        USE[operation]()
