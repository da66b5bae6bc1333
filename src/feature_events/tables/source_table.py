"""Reads the items of a table by consistent reads.

What they say was so at that moment, whatever the stream has told yet; the order beside the live events rests on that.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from feature_events.aws.clients import call_or_none, make_tables_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured, Undelivered
from feature_events.records.change import Item

_MOST_KEYS = 100
"""As many as BatchGetItem takes."""

_TRIES = 8
_ABSENT = ("ResourceNotFoundException",)


class Page(NamedTuple):
    """Some items of a segment, and where it goes on."""

    items: Sequence[Item]
    after: Item | None
    """None at the segment's end."""


class SourceTable(Protocol):
    """What a backfill needs of a table; `ScannedTable` is the one in DynamoDB."""

    def scan(self, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """The next items of a segment."""
        ...

    def read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """The items of these keys as they are now; what has been deleted is left out."""
        ...


class Description(NamedTuple):
    """What a table is."""

    arn: str
    key_names: tuple[str, ...]


def describe_table(table: str) -> Description:
    """The table of this name or ARN.

    Raises:
        Misconfigured: there is none, or the function is not allowed to read it.
        Undelivered: DynamoDB did not answer.

    """
    describe = partial(make_tables_client().describe_table, TableName=table)
    answer = call_or_none(describe, Action("dynamodb:DescribeTable", f"the table {table} cannot be described"), _ABSENT)
    if answer is None:
        raise Misconfigured(f"there is no table {table} in this account and region: correct the request's table")
    found = answer["Table"]
    return Description(found["TableArn"], tuple(key["AttributeName"] for key in found["KeySchema"]))


class ScannedTable:
    """A table in DynamoDB.

    Every method raises Misconfigured where a permission is missing, and Undelivered where DynamoDB did not answer, or
    only that the table is asked for more than it can give.
    """

    def __init__(self, arn: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._arn = arn
        self._sleep = sleep
        self._dynamodb = make_tables_client()

    def scan(self, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """See `SourceTable.scan`."""
        where: dict[str, Any] = {"ExclusiveStartKey": after} if after else {}
        scan = partial(self._dynamodb.scan, TableName=self._arn, Segment=segment, TotalSegments=segments, Limit=limit)
        action = Action("dynamodb:Scan", f"the table {self._arn} cannot be scanned")
        answer = _ask(partial(scan, ConsistentRead=True, **where), action)
        return Page(answer["Items"], answer.get("LastEvaluatedKey"))

    def read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """See `SourceTable.read`."""
        found: list[Item] = []
        for start in range(0, len(keys), _MOST_KEYS):
            found += self._read(keys[start : start + _MOST_KEYS])
        return found

    def _read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """At most a hundred items; DynamoDB gives what fits into 16 MB, and what the table has capacity for."""
        action = Action("dynamodb:BatchGetItem", f"the table {self._arn} cannot be read")
        found: list[Item] = []
        for tried in range(_TRIES):
            if tried:
                self._sleep(0.05 * 2**tried)
            request: Any = {self._arn: {"Keys": keys, "ConsistentRead": True}}
            answer = _ask(partial(self._dynamodb.batch_get_item, RequestItems=request), action)
            for items in answer["Responses"].values():
                found += items
            unprocessed = answer.get("UnprocessedKeys") or {}
            if not unprocessed:
                return found
            keys = [key for each in unprocessed.values() for key in each["Keys"]]
        raise Undelivered(f"{action.failure}: it is asked for more than it can give; try again later")


def _ask[T](request: Callable[[], T], action: Action) -> T:
    """What the table answers, which was there when the run began."""
    answer = call_or_none(request, action, _ABSENT)
    if answer is None:
        raise Misconfigured(f"{action.failure}: it was deleted meanwhile; begin a run for a table that exists")
    return answer
