"""Describe DynamoDB tables and read their items.

All reads of items are consistent: they return the latest state, even if the stream has not delivered it yet. The order
of backfilled and live events depends on this.
"""

import base64
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_events.aws.clients import call_or_none, make_tables_client
from feature_events.aws.errors import Action, read_code
from feature_events.errors import Misconfigured, Undelivered
from feature_events.records.change import Change, Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

_ABSENT = ("ResourceNotFoundException",)
_DENIED = "AccessDeniedException"
_KEYS_MISMATCH = "ValidationException"

_BATCH_KEYS = 100
"""The maximum number of keys in one BatchGetItem request."""
_ATTEMPTS = 8
"""The maximum number of BatchGetItem requests for the same keys."""


class Description(NamedTuple):
    """The properties of a table."""

    arn: str
    key_names: tuple[str, ...]
    view_type: str | None
    """The stream's StreamViewType; None if the table has no stream."""


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
    return Description(found["TableArn"], key_names, found.get("StreamSpecification", {}).get("StreamViewType"))


class Page(NamedTuple):
    """Some items of a segment."""

    items: Sequence[Item]
    after: Item | None
    """The key to resume the scan after; None at the end of the segment."""


class Tables:
    """The tables that the function's role may read.

    Every method raises Misconfigured if a permission is missing, and Undelivered if DynamoDB did not respond or
    throttled the request.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._dynamodb = make_tables_client()

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
        """Return the items with these keys, without those that do not exist."""
        found: list[Item] = []
        for start in range(0, len(keys), _BATCH_KEYS):
            found += self._get_batch(table, keys[start : start + _BATCH_KEYS])
        return found

    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """Return the next items of a segment."""
        start: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        scan = partial(self._dynamodb.scan, TableName=table, Segment=segment, TotalSegments=segments, Limit=limit)
        action = Action("dynamodb:Scan", f"the table {table} cannot be scanned")
        response = _call_existing(partial(scan, ConsistentRead=True, **start), action)
        return Page(response["Items"], response.get("LastEvaluatedKey"))

    def _get_item(self, table: str, keys: Item) -> Item | None:
        from botocore.exceptions import ParamValidationError

        try:
            response = self._dynamodb.get_item(TableName=table, Key=_to_request(keys), ConsistentRead=True)
        except (ParamValidationError, ValueError, TypeError):
            return None  # no table can have such a key
        return response.get("Item")

    def _get_batch(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        """Return at most 100 items.

        DynamoDB returns only what fits into 16 MB and the table's read capacity, so the rest is requested again.
        """
        action = Action("dynamodb:BatchGetItem", f"the table {table} cannot be read")
        found: list[Item] = []
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(0.05 * 2**attempt)
            request: Any = {table: {"Keys": keys, "ConsistentRead": True}}
            response = _call_existing(partial(self._dynamodb.batch_get_item, RequestItems=request), action)
            for items in response["Responses"].values():
                found += items
            unprocessed = response.get("UnprocessedKeys") or {}
            if not unprocessed:
                return found
            keys = [key for each in unprocessed.values() for key in each["Keys"]]
        raise Undelivered(f"{action.failure}: read capacity exceeded (throttled); try again later")


def _to_request(keys: Item) -> dict[str, Any]:
    """Convert a record's keys to those of a request: binary is base64 in a record and bytes in a request."""
    return {
        name: {"B": base64.b64decode(value["B"], validate=True)} if "B" in value else value
        for name, value in keys.items()
    }


def _call_existing[T](request: Callable[[], T], action: Action) -> T:
    """Return the response of a table that existed when the run started."""
    response = call_or_none(request, action, _ABSENT)
    if response is None:
        raise Misconfigured(f"{action.failure}: it was deleted during the run; start a run for an existing table")
    return response
