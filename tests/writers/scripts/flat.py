"""A flat table with a number key and an attribute for each feature.

The items are rows of a data frame, so a feature without a value is NULL or missing.
"""

from datetime import UTC, datetime
from decimal import Decimal

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "user_features"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"user_id": "{entity_id}"},
    "entity_type": "user_id",
    "resource_name": TABLE,
    "features": {"except": []},
    "updated_at": "last_update",
    "compute_id": "job",
}


def write() -> Account:
    """Write new rows with NULL and missing features, a changed row, a row with only its key, and a deleted row."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item, Table.update_item, Table.delete_item", [LAYOUT])
    table = create_table(TABLE, {"user_id": "N"})
    time = {"last_update": FIRST.isoformat(), "job": "nightly-1"}
    table.put_item(Item={"user_id": 17, "age": 34, "income": Decimal("5100.25"), "city": "Gdańsk", **time})
    account.add("user_id", "17", TABLE, ["age", "income", "city"], FIRST, "nightly-1")
    table.put_item(Item={"user_id": 18, "age": 41, "income": None, **time})
    account.add("user_id", "18", TABLE, ["age", "income"], FIRST, "nightly-1")
    table.update_item(
        Key={"user_id": 17},
        UpdateExpression="SET age = :age, last_update = :time",
        ExpressionAttributeValues={":age": 35, ":time": SECOND.isoformat()},
    )
    account.add("user_id", "17", TABLE, ["age", "income", "city"], SECOND, "nightly-1")
    table.put_item(Item={"user_id": 19, "age": 20})
    account.add("user_id", "19", TABLE, ["age"])
    table.put_item(Item={"user_id": 20})
    account.skip("no_features")
    table.delete_item(Key={"user_id": 18})
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
