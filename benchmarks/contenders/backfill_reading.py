"""The backfill's worker, which reads its items with boto3 from prepared responses of DynamoDB, without a network.

This is most of the cost of a backfilled item in Lambda, because boto3 parses each item's JSON twice.
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
from benchmarks.contenders.backfill import make_run, read_items
from benchmarks.stream_events import TABLE_ARN, StreamEvent
from feature_events.tables.table import Tables

_KEYS_OF_A_READ = 100


class _Body(io.BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def prepare(event: StreamEvent) -> Run:
    """Prepare the worker with a table whose responses are returned in the order of its requests."""
    items = read_items(event)
    boto3.setup_default_session(
        aws_access_key_id="none",
        aws_secret_access_key="none",  # noqa: S106  # signs requests that are not sent
        region_name="eu-west-1",
    )
    _respond("Scan", [{"Items": items, "Count": len(items), "ScannedCount": len(items)}])
    reads = batched(items, _KEYS_OF_A_READ, strict=False)
    _respond("BatchGetItem", [{"Responses": {TABLE_ARN: read}, "UnprocessedKeys": {}} for read in reads])
    return make_run(Tables(), event.records)


def _respond(operation: str, responses: Sequence[object]) -> None:
    """Make all new clients return these responses in a cycle."""
    bodies = cycle([json.dumps(each, separators=(",", ":")).encode() for each in responses])

    def respond(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401  # botocore has no types
        return AWSResponse(request.url, 200, HTTPHeaders(), _Body(next(bodies)))

    session: Any = boto3.DEFAULT_SESSION
    session.events.register(f"before-send.dynamodb.{operation}", respond)
