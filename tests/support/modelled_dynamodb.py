"""A model of a DynamoDB table with provisioned read capacity, for the real boto3 client on a virtual clock.

Every request passes through botocore, including its retries and its rate limit. The model answers like DynamoDB:

- A consistent read costs one unit per 4 KB: a scan those of all its items together, BatchGetItem those of each item.
- The table keeps unused capacity for up to 300 seconds. It has none at the beginning.
- A read is throttled if no capacity is left. Otherwise it succeeds, even if it needs more than what is left.
- A throttled scan fails with ProvisionedThroughputExceededException. So does BatchGetItem if it reads no item at all.
  Otherwise it returns the other keys as UnprocessedKeys.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zlib import crc32

from botocore import endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HTTPHeaders
from botocore.retries import bucket

from feature_events.aws import clients
from feature_events.records.change import Item
from feature_events.tables import table as table_module
from tests.support.virtual_time import VirtualTime

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_UNIT_BYTES = 4096
_BURST_SECONDS = 300
_LATENCY_SECONDS = 0.005
_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-west-1"}
_THROTTLED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "slow down",
}

type Json = Mapping[str, Any]


class ReadCapacity:
    """The read capacity of a table.

    Args:
        units_per_second: the provisioned capacity.
        clock: the virtual clock.

    """

    def __init__(self, units_per_second: float, clock: VirtualTime) -> None:
        self._units_per_second = units_per_second
        self._clock = clock
        self._left = 0.0
        self._counted_at = clock()

    def use(self, size: int) -> bool:
        """Read this many bytes consistently. Return False if the read is throttled."""
        now = self._clock()
        filled = self._left + (now - self._counted_at) * self._units_per_second
        self._left, self._counted_at = min(filled, self._units_per_second * _BURST_SECONDS), now
        if self._left <= 0:
            return False
        self._left -= max(1, -(-size // _UNIT_BYTES))
        return True


class ModelledTable:
    """A table and its requests.

    Args:
        items: the items.
        key_names: the names of the key attributes.
        capacity: the table's read capacity.
        clock: the virtual clock.

    """

    def __init__(
        self, items: Sequence[Item], key_names: Sequence[str], capacity: ReadCapacity, clock: VirtualTime
    ) -> None:
        self._capacity = capacity
        self._key_names = key_names
        self._clock = clock
        self._items = {self._place(item): item for item in items}
        self._places = sorted(self._items)
        self._random = random.Random(7)  # noqa: S311  # not for secrets

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Answer the requests of the application's DynamoDB clients within the context."""
        make_client = clients.make_tables_client
        time = SimpleNamespace(time=self._clock, sleep=self._clock.sleep)

        def make_modelled_client(*arguments: Any, **named: Any) -> "DynamoDBClient":  # noqa: ANN401  # the function's
            client = make_client(*arguments, **named)
            client.meta.events.register_last("before-send", self._answer)  # type: ignore[arg-type]  # it may answer
            return client

        with ExitStack() as stack:
            stack.enter_context(patch.dict("os.environ", _ENVIRONMENT))
            replacements: Sequence[tuple[object, str, object]] = (
                (table_module, "make_tables_client", make_modelled_client),
                (clients, "run_within", self._clock.run_within),
                (endpoint, "time", time),
                (bucket, "time", time),
                (bucket, "threading", SimpleNamespace(Lock=_NoLock, Condition=lambda _: _NoLock(self._clock))),
            )
            for module, name, value in replacements:
                stack.enter_context(patch.object(module, name, value))
            yield

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Answer a request instead of sending it."""
        self._clock.sleep(_LATENCY_SECONDS)
        headers, sent = request.headers, request.body
        assert isinstance(sent, bytes)
        operation = self._get if headers["X-Amz-Target"] == b"DynamoDB_20120810.BatchGetItem" else self._scan
        answer = operation(json.loads(sent))
        body = BytesIO(json.dumps(_THROTTLED if answer is None else answer).encode())
        raw: Any = SimpleNamespace(stream=lambda: [body.read()])
        return AWSResponse(request.url, 400 if answer is None else 200, HTTPHeaders(), raw)

    def _scan(self, request: Json) -> Json | None:
        start = self._place(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else (-1, "")
        segment, segments = request["Segment"], request["TotalSegments"]
        places = [each for each in self._places if each[0] % segments == segment and each > start]
        items = [self._items[place] for place in places[: request["Limit"]]]
        if not self._capacity.use(_measure(items)):
            return None
        last = {"LastEvaluatedKey": self._to_keys(items[-1])} if len(items) == request["Limit"] else {}
        return {"Items": items, "Count": len(items), "ScannedCount": len(items), **last}

    def _get(self, request: Json) -> Json | None:
        [(table, wanted)] = request["RequestItems"].items()
        found, unread = [], []
        keys = wanted["Keys"]
        for key in self._random.sample(keys, len(keys)):
            item = self._items[self._place(key)]
            if self._capacity.use(_measure([item])):
                found.append(item)
            else:
                unread.append(key)
        if not found:
            return None
        unprocessed = {table: {**wanted, "Keys": unread}} if unread else {}
        return {"Responses": {table: found}, "UnprocessedKeys": unprocessed}

    def _to_keys(self, item: Item) -> Item:
        return {name: item[name] for name in self._key_names}

    def _place(self, item: Item) -> tuple[int, str]:
        """Return an item's place in the order of a scan."""
        key = json.dumps(self._to_keys(item))
        return crc32(key.encode()), key


class _NoLock:
    """A lock and a condition for tasks that never run at the same time."""

    def __init__(self, clock: VirtualTime | None = None) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def notify(self) -> None:
        """Do nothing: no task waits for another rate."""

    def wait(self, seconds: float) -> None:
        """Wait on the virtual clock."""
        assert self._clock
        self._clock.sleep(max(seconds, 0.001))  # less would not always advance the clock


def _measure(items: Sequence[Item]) -> int:
    """Return the size of these items, in bytes."""
    return len(json.dumps(items))
