"""Describe DynamoDB tables and read their items.

All reads of items are consistent: they return the latest state, even if the stream has not delivered it yet. The order
of backfilled and live events depends on this.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_events.aws.clients import REQUEST_SECONDS, call_or_none, make_tables_client
from feature_events.aws.errors import Action, read_code
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.records.change import Change, Item, to_request_keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_ABSENT = ("ResourceNotFoundException",)
_DENIED = "AccessDeniedException"
_KEYS_MISMATCH = "ValidationException"

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded")
_SHORTEST_WAIT, _LONGEST_WAIT = 0.1, 5.0
"""The seconds to wait for read capacity."""
_MOST_DOUBLINGS = 10
"""The maximum power of two, far above the longest wait."""

_BATCH_KEYS = 100
"""The maximum number of keys in one BatchGetItem request."""


class Description(NamedTuple):
    """The properties of a table."""

    arn: str
    key_names: tuple[str, ...]
    view_type: str | None
    """The stream's StreamViewType; None if the table has no stream."""
    key_types: Mapping[str, str]
    """The types of the key attributes, by name: `S`, `N` or `B`."""


def describe_table(table: str, seconds: float | None = None, if_denied: str = "") -> Description:
    """Describe a table.

    Args:
        table: the table's name or ARN.
        seconds: the time limit; by default that of all requests of a run.
        if_denied: what to change if access is denied; by default the role's permissions.

    Raises:
        Misconfigured: the table does not exist, or the role is not allowed to describe it.
        Undelivered: DynamoDB did not respond.

    """
    action = Action("dynamodb:DescribeTable", f"the table {table} cannot be described")

    def describe() -> "TableDescriptionTypeDef":
        client = make_tables_client()  # importing boto3 counts towards the time limit
        try:
            return client.describe_table(TableName=table)["Table"]
        except client.exceptions.ClientError as error:
            if if_denied and read_code(error) == _DENIED:
                raise Misconfigured(f"{action.failure} ({_DENIED}): {if_denied}") from None
            raise

    found = call_or_none(describe, action, _ABSENT, seconds)
    if found is None:
        raise Misconfigured(f"the table {table} does not exist in this account and region: check its name")
    key_names = tuple(key["AttributeName"] for key in found["KeySchema"])
    types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    view_type = found.get("StreamSpecification", {}).get("StreamViewType")
    return Description(found["TableArn"], key_names, view_type, {name: types[name] for name in key_names})


def sample_items(table: str, limit: int, seconds: float) -> Sequence[Item] | None:
    """Return a few items of a table; None if the role is not allowed to scan it.

    Args:
        table: the table's name or ARN.
        limit: the maximum number of items.
        seconds: the time limit.

    Raises:
        Misconfigured: an operator must act.
        Undelivered: DynamoDB did not respond, or throttled the request.

    """
    action = Action("dynamodb:Scan", "the table cannot be scanned")

    def scan() -> Sequence[Item]:
        client = make_tables_client()
        return client.scan(TableName=table, Limit=limit, ConsistentRead=True)["Items"]

    return call_or_none(scan, action, (_DENIED,), seconds)


class Page(NamedTuple):
    """Some items of a segment."""

    items: Sequence[Item]
    after: Item | None
    """The key to resume the scan after; None at the end of the segment."""


class Tables:
    """The tables that the function's role may read.

    Every method raises Misconfigured if a permission is missing, and Undelivered if DynamoDB did not respond or
    throttled the request.

    Args:
        sleep: waits between attempts to read a throttled table.
        deadline: when to stop retrying a throttled read. With a deadline, boto3 attempts each request at most twice. By
            default, it is the time limit of a call from now. `get_item` always uses its own limit.

    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep, deadline: Deadline | None = None) -> None:
        self._sleep = sleep
        self._deadline = deadline or Deadline(REQUEST_SECONDS)
        # With more attempts, boto3 could exceed the time limit of a call
        self._dynamodb = make_tables_client(attempts=2) if deadline else make_tables_client()

    def get_item(self, change: Change, seconds: float) -> Item | None:
        """Return the item that has this change's keys now, or None if there is no such item, table or key schema.

        Args:
            change: the change.
            seconds: the time limit.

        """
        table = change.table_arn
        action = Action("dynamodb:GetItem", f"the table {table} cannot be read")
        return call_or_none(partial(self._get_item, table, change.keys), action, (*_ABSENT, _KEYS_MISMATCH), seconds)

    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        """Return the items with these keys, without those that do not exist.

        DynamoDB returns only what fits into 16 MB and the table's read capacity. The other keys are requested again.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        """
        action = Action("dynamodb:BatchGetItem", f"the table {table} cannot be read")
        found: list[Item] = []
        failures = 0
        while keys:
            batch, rest = keys[:_BATCH_KEYS], keys[_BATCH_KEYS:]
            request: Any = {table: {"Keys": batch, "ConsistentRead": True}}
            try:
                response = _call_existing(partial(self._dynamodb.batch_get_item, RequestItems=request), action)
            except _Throttled as throttled:
                self._wait(failures, throttled)
                failures += 1
                continue
            for items in response["Responses"].values():
                found += items
            unread = [key for each in response.get("UnprocessedKeys", {}).values() for key in each["Keys"]]
            failures = failures + 1 if len(unread) == len(batch) else 0
            if unread:
                self._wait(failures, _Throttled(action))
            keys = [*unread, *rest]
        return found

    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """Return the next items of a segment.

        If the scan is throttled, it is attempted again with half the limit, so that it needs less capacity.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-query-scan.html
        """
        start: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        scan = partial(self._dynamodb.scan, TableName=table, Segment=segment, TotalSegments=segments, **start)
        action = Action("dynamodb:Scan", f"the table {table} cannot be scanned")
        for failures in itertools.count():
            try:
                response = _call_existing(partial(scan, Limit=max(1, limit >> failures), ConsistentRead=True), action)
            except _Throttled as throttled:
                self._wait(failures, throttled)
            else:
                break
        return Page(response["Items"], response.get("LastEvaluatedKey"))

    def _get_item(self, table: str, keys: Item) -> Item | None:
        from botocore.exceptions import ParamValidationError

        try:
            response = self._dynamodb.get_item(TableName=table, Key=to_request_keys(keys), ConsistentRead=True)
        except (ParamValidationError, ValueError, TypeError):
            return None  # no table can have such a key
        return response.get("Item")

    def _wait(self, failures: int, throttled: "_Throttled") -> None:
        """Wait for read capacity, longer after each attempt without an item. At the deadline, raise the error."""
        seconds = min(_SHORTEST_WAIT * 2.0 ** min(failures, _MOST_DOUBLINGS), _LONGEST_WAIT)
        if self._deadline.remaining() <= seconds:
            raise throttled
        self._sleep(seconds)


class _Throttled(Undelivered):
    """DynamoDB throttled a request."""

    def __init__(self, action: Action) -> None:
        super().__init__(
            f"{action.failure}: read capacity exceeded (throttled); lower `events_per_second`, or give the table more "
            "read capacity, then try again or resume the run"
        )


def _call_existing[T](request: Callable[[], T], action: Action) -> T:
    """Return the response of a table that existed when the run started.

    Raises:
        _Throttled: the table's read capacity is exceeded.

    """
    response = call_or_none(partial(_call_unless_throttled, request, action), action, _ABSENT)
    if response is None:
        raise Misconfigured(f"{action.failure}: it was deleted during the run; start a run for an existing table")
    return response


def _call_unless_throttled[T](request: Callable[[], T], action: Action) -> T:
    from botocore.exceptions import ClientError

    try:
        return request()
    except ClientError as error:
        if read_code(error) in _THROTTLED:
            raise _Throttled(action) from None
        raise
