"""The feature tables of the local stack.

Two tables have the default layout and belong to the application's stack. The table `app` is created before the
application and attached to it. It is a single-table design with features of users and merchants, and with orders.
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
"""The layouts of all tables, by their names in `schemas/table_layouts`."""


def create_app_table(dynamodb: "DynamoDBClient") -> str:
    """Create the table `app` unless it exists, and return the ARN of its stream."""
    if APP not in dynamodb.list_tables()["TableNames"]:
        partition_key, sort_key = KEYS[APP]
        dynamodb.create_table(
            TableName=APP,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEYS[APP]],
            KeySchema=[
                {"AttributeName": partition_key, "KeyType": "HASH"},
                {"AttributeName": sort_key, "KeyType": "RANGE"},
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
    return dynamodb.describe_table(TableName=APP)["Table"]["LatestStreamArn"]
