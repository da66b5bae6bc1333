"""The on-failure destination of a mapping: the objects that Lambda puts there, and a bucket to put them into.

The document's fields:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from tests.support.lanes import Batch, Record


class ObjectStore(Protocol):
    """Where the on-failure destination puts its objects."""

    def put(self, key: str, body: bytes) -> None:
        """Stores an object."""
        ...


class MemoryStore(dict[str, bytes]):
    """A bucket in memory."""

    def put(self, key: str, body: bytes) -> None:
        """Stores an object."""
        self[key] = body


class End(NamedTuple):
    """How the retries of a batch ended: where, why, with which kind of the function's error, and when."""

    shard: str
    condition: str
    function_error: str | None
    seconds: float


def to_key(end: End, number: int) -> str:
    """The object's key, as Lambda makes it."""
    now = _to_iso(end.seconds)
    day = now.partition("T")[0]
    return f"aws/lambda/mapping/{end.shard}/{day.replace('-', '/')}/{now}-{number}"


def to_document(end: End, batch: Batch, number: int) -> bytes:
    """The object's content: what Lambda says of the batch, and the records."""
    first, last = batch.entries[0], batch.entries[-1]
    document = {
        "requestContext": {
            "requestId": f"request-{number}",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:feature-events",
            "condition": end.condition,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": end.function_error,
        },
        "version": "1.0",
        "timestamp": _to_iso(end.seconds),
        "DDBStreamBatchInfo": {
            "shardId": end.shard,
            "startSequenceNumber": first.number,
            "endSequenceNumber": last.number,
            "approximateArrivalOfFirstRecord": _to_iso(first.at),
            "approximateArrivalOfLastRecord": _to_iso(last.at),
            "batchSize": len(batch.entries),
            "streamArn": first.record.get("eventSourceARN"),
        },
        "payload": {"Records": [entry.record for entry in batch.entries]},
    }
    return json.dumps(document).encode()


def read_on_failure(store: Mapping[str, bytes]) -> list[Record]:
    """The records in an on-failure destination."""
    return [record for body in store.values() for record in json.loads(body)["payload"]["Records"]]


def _to_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
