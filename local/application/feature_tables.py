"""The feature tables of the local stack: tables with streams that are there before the application is deployed.

Two have the default layout; `app` is a single-table design, with features of users and merchants beside orders.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

USERS = "user_feature_store"
ACCOUNTS = "account_feature_store"
APP = "app"
KEYS: Mapping[str, tuple[str, str]] = {
    USERS: ("bright_uid", "category"),
    ACCOUNTS: ("account_pid", "category"),
    APP: ("pk", "sk"),
}
"""Each table's partition key and sort key."""
LAYOUTS = "default,single_table"
"""The layouts of all of them, by their names in `schemas/table_layouts`."""


def make_tables(dynamodb: "DynamoDBClient") -> list[str]:
    """Makes the tables that are not there yet, and gives the ARN of each table's stream."""
    there = dynamodb.list_tables()["TableNames"]
    for name in KEYS:
        if name not in there:
            _make_table(dynamodb, name)
    return [dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"] for name in KEYS]


def _make_table(dynamodb: "DynamoDBClient", name: str) -> None:
    partition_key, sort_key = KEYS[name]
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEYS[name]],
        KeySchema=[
            {"AttributeName": partition_key, "KeyType": "HASH"},
            {"AttributeName": sort_key, "KeyType": "RANGE"},
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
