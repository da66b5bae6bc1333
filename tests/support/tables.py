"""Tables of the default layout."""

from typing import TYPE_CHECKING, Literal

from local.application.feature_tables import KEYS, USERS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """Create the table of users' features, without a stream."""
    partition_key, sort_key = KEYS[USERS]
    keys: dict[str, Literal["HASH", "RANGE"]] = {partition_key: "HASH", sort_key: "RANGE"}
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
    )
