"""The on-failure destination of a mapping: the objects that Lambda writes, and a bucket in memory.

The fields of an object:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from tests.support.lanes import Batch, Record


class ObjectStore(Protocol):
    """The bucket of an on-failure destination."""

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        ...


class MemoryStore(dict[str, bytes]):
    """A bucket in memory."""

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self[key] = body


class Discard(NamedTuple):
    """Why and when Lambda stopped retrying a batch."""

    shard: str
    condition: str
    function_error: str | None
    seconds: float


def to_key(discard: Discard, number: int) -> str:
    """Return an object key like Lambda's."""
    now = _to_iso(discard.seconds)
    day = now.partition("T")[0]
    return f"aws/lambda/mapping/{discard.shard}/{day.replace('-', '/')}/{now}-{number}"


def to_document(discard: Discard, batch: Batch, number: int) -> bytes:
    """Return an object's content: a description of the batch, and the records."""
    first, last = batch.entries[0], batch.entries[-1]
    document = {
        "requestContext": {
            "requestId": f"request-{number}",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:feature-events",
            "condition": discard.condition,
            "approximateInvokeCount": batch.invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": discard.function_error,
        },
        "version": "1.0",
        "timestamp": _to_iso(discard.seconds),
        "DDBStreamBatchInfo": {
            "shardId": discard.shard,
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
    """Return all records in an on-failure destination."""
    return [record for body in store.values() for record in json.loads(body)["payload"]["Records"]]


def _to_iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
