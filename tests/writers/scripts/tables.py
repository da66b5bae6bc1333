"""Tables of the local stack, with the stream that this application reads.

The endpoint and the credentials come from the environment, as AWS's own clients read them.
"""

from collections.abc import Mapping
from typing import Any

import boto3

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
KEY_TYPES = ("HASH", "RANGE")


def to_client() -> Any:  # noqa: ANN401 -- a store's environment has no types of boto3
    """DynamoDB by requests."""
    return boto3.client("dynamodb")


def to_table(name: str) -> Any:  # noqa: ANN401 -- a store's environment has no types of boto3
    """One table, by Python values."""
    return boto3.resource("dynamodb").Table(name)


def create_table(name: str, keys: Mapping[str, str]) -> Any:  # noqa: ANN401 -- as above
    """A new table with a stream; its one or two keys, partition key first, each with its type (S, N or B)."""
    to_client().create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, KEY_TYPES, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": type_} for key, type_ in keys.items()],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=STREAM,
    )
    return to_table(name)


def turn_on_stream(name: str) -> None:
    """Gives a stream to a table that its store made; no store turns one on."""
    to_client().update_table(TableName=name, StreamSpecification=STREAM)
