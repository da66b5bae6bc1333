"""Tables of an account that are as the default layout has them."""

from typing import TYPE_CHECKING, Literal

from local.demo.feature_writes import ENTITY_KEYS, USERS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """Makes a table of users' features, without a stream."""
    keys: dict[str, Literal["HASH", "RANGE"]] = {ENTITY_KEYS[USERS]: "HASH", "category": "RANGE"}
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
    )
