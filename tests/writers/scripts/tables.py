"""Create tables with streams on the local stack.

The endpoint and the credentials come from the environment.
"""

from collections.abc import Mapping
from typing import Any

import boto3

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
KEY_TYPES = ("HASH", "RANGE")


def make_client() -> Any:  # noqa: ANN401 -- a store's environment has no types of boto3
    """Return a client for DynamoDB's requests."""
    return boto3.client("dynamodb")


def open_table(name: str) -> Any:  # noqa: ANN401 -- a store's environment has no types of boto3
    """Return a table for Python values."""
    return boto3.resource("dynamodb").Table(name)


def create_table(name: str, keys: Mapping[str, str]) -> Any:  # noqa: ANN401 -- see above
    """Create a table with a stream. `keys` contains the partition key and optionally the sort key, with their types."""
    make_client().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, KEY_TYPES, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": type_} for key, type_ in keys.items()],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=STREAM,
    )
    return open_table(name)


def turn_on_stream(name: str) -> None:
    """Enable the stream of a table that a store created. Stores do not enable streams."""
    make_client().update_table(TableName=name, StreamSpecification=STREAM)
