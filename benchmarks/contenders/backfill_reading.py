"""The backfill's worker that reads its items by boto3, from answers as DynamoDB gives them, without a network.

In Lambda this is most of what a backfilled item costs: boto3 makes values of each item's JSON twice.
"""

import io
import json
from collections.abc import Iterator, Sequence
from itertools import batched, cycle
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from benchmarks.contenders import Run
from benchmarks.contenders.backfill import to_items, to_run
from benchmarks.stream_events import TABLE_ARN, StreamEvent
from feature_events.tables.table import Tables

_KEYS_OF_A_READ = 100


class _Body(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def prepare(event: StreamEvent) -> Run:
    """The worker on a table whose answers are prepared; they are given in the order in which it asks."""
    items = to_items(event)
    boto3.setup_default_session(
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106  # signs requests that go nowhere
        region_name="eu-west-1",
    )
    _answer("Scan", [{"Items": items, "Count": len(items), "ScannedCount": len(items)}])
    reads = batched(items, _KEYS_OF_A_READ, strict=False)
    _answer("BatchGetItem", [{"Responses": {TABLE_ARN: read}, "UnprocessedKeys": {}} for read in reads])
    return to_run(Tables(), event.records)


def _answer(operation: str, answers: Sequence[object]) -> None:
    """Has every client that is made from now on answer itself, again and again."""
    bodies = cycle([json.dumps(answer, separators=(",", ":")).encode() for answer in answers])

    def answer(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401  # botocore has no types
        return AWSResponse(request.url, 200, HTTPHeaders(), _Body(next(bodies)))

    session: Any = boto3.DEFAULT_SESSION
    session.events.register(f"before-send.dynamodb.{operation}", answer)
