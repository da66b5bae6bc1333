"""Test describing, reading and scanning a table."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.tables.table import Description, Tables, describe_table
from tests.support.backfills import KEY_NAMES, TABLE_ARN, to_scanned
from tests.support.doubles import FakeClock
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
    assert describe_table(table) == Description(TABLE_ARN, KEY_NAMES, None, dict.fromkeys(KEY_NAMES, "S"))


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


THROTTLED = "ProvisionedThroughputExceededException"


class Throttle:
    """A clock, and a table that is throttled. Each request reads at most as many items as the next allowance."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *allowed: int, code: str = THROTTLED) -> None:
        self.clock = FakeClock()
        self.sleeps: list[float] = []
        self.limits: list[int] = []
        """The number of keys or the limit of each request."""
        self._allowed = list(allowed)
        self._code = code
        self._call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here

        def answer(client: object, name: str, parameters: object) -> object:
            return self._answer(client, name, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", answer)

    def tables(self, seconds: float = 600.0) -> Tables:
        """Return the tables, with a deadline on this clock."""
        return Tables(self._sleep, Deadline(seconds, self.clock))

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.clock.seconds += seconds

    def _answer(self, client: object, name: str, parameters: Any) -> Any:  # noqa: ANN401  # boto3's
        allowed = self._allowed.pop(0) if self._allowed else 0
        if name == "Scan":
            self.limits.append(parameters["Limit"])
            if allowed < parameters["Limit"]:
                raise ClientError({"Error": {"Code": self._code}}, name)
            return self._call(client, name, parameters)
        [(table, request)] = parameters["RequestItems"].items()
        self.limits.append(len(request["Keys"]))
        keys, left = request["Keys"][:allowed], request["Keys"][allowed:]
        if not keys:
            raise ClientError({"Error": {"Code": self._code}}, name)
        answered = self._call(client, name, {"RequestItems": {table: {**request, "Keys": keys}}})
        return {**answered, "UnprocessedKeys": {table: {**request, "Keys": left}} if left else {}}


def test_get_items__requests_only_unread_keys_again(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response to a throttled request contains the items that were read. They are not read again."""
    items = fill(account, 130)
    throttle = Throttle(monkeypatch, 40, 0, 0, 60, 100)
    assert entities(throttle.tables().get_items(TABLE_ARN, to_keys(items))) == entities(items)
    assert throttle.limits == [100, 90, 90, 90, 30]
    assert throttle.sleeps == [0.1, 0.1, 0.2, 0.1]


@pytest.mark.parametrize("code", [THROTTLED, "ThrottlingException", "RequestLimitExceeded"])
def test_get_items__continues_until_its_deadline(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """However slow the table is, the events that were sent are not sent again."""
    items = fill(account, 2)
    throttle = Throttle(monkeypatch, code=code)
    with pytest.raises(Undelivered, match="cannot be read: read capacity exceeded"):
        throttle.tables(300.0).get_items(TABLE_ARN, to_keys(items))
    assert 290 < throttle.clock() <= 300
    assert throttle.sleeps[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_get_items__does_not_wait_for_the_rest_of_a_large_response(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB also leaves keys unprocessed if the response would exceed 16 MB. Each request then makes progress."""
    items = fill(account, 100)
    throttle = Throttle(monkeypatch, *[20] * 5)
    assert entities(throttle.tables().get_items(TABLE_ARN, to_keys(items))) == entities(items)
    assert sum(throttle.sleeps) < 0.5


@pytest.mark.parametrize("code", [THROTTLED, "ThrottlingException", "RequestLimitExceeded"])
def test_scan__reads_fewer_items_if_it_is_throttled(
    account: FakeAccount, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """A smaller page needs less capacity. The scan resumes after it."""
    items = fill(account, 10)
    throttle = Throttle(monkeypatch, 2, 2, 2, code=code)
    page = throttle.tables().scan(TABLE_ARN, 0, 1, None, 8)
    assert throttle.limits == [8, 4, 2]
    assert throttle.sleeps == [0.1, 0.2]
    assert {*entities(page.items)} < {*entities(items)}
    assert page.after == to_keys(page.items)[-1]


def test_scan__continues_until_its_deadline(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest scan reads one item."""
    fill(account, 2)
    throttle = Throttle(monkeypatch)
    with pytest.raises(Undelivered, match="cannot be scanned: read capacity exceeded"):
        throttle.tables(60.0).scan(TABLE_ARN, 0, 1, None, 8)
    assert 50 < throttle.clock() <= 60
    assert throttle.limits[:6] == [8, 4, 2, 1, 1, 1]


USE: dict[str, Callable[[], object]] = {
    "DescribeTable": lambda: describe_table(TABLE_ARN),
    "Scan": lambda: Tables(deadline=Deadline(0)).scan(TABLE_ARN, 0, 1, None, 4),
    "BatchGetItem": lambda: Tables(deadline=Deadline(0)).get_items(TABLE_ARN, [KEY]),
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
    remedy = "try again later" if operation == "DescribeTable" else "lower `events_per_second`, or give the table more"
    expected = f"grant the function's role dynamodb:{operation}" if error is Misconfigured else remedy
    with pytest.raises(error, match=expected):
        USE[operation]()


@pytest.mark.parametrize("operation", ["Scan", "BatchGetItem"])
def test_tables__report_a_deleted_table(account: FakeAccount, operation: str) -> None:
    """The table of a resumed run may be gone, and a retry does not help."""
    account.dynamodb.delete_table(TableName="user_feature_store")
    with pytest.raises(Misconfigured, match="it was deleted during the run"):
        USE[operation]()
