"""A table with one item for each feature: the sort key is the feature's name, and one attribute is its value.

A job that computes three features of an entity writes three items, which produce three events.
"""

from datetime import UTC, datetime

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "feature_values"
TIME = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"entity": "{entity_type}:{entity_id}", "feature": "{feature}"},
    "resource_name": TABLE,
    "features": {"names": ["{feature}"], "except": ["ttl"]},
    "updated_at": {"path": "computed_ms", "unit": "ms"},
}


def write() -> Account:
    """Write three features of a user, one of them without a value, and a feature of a device."""
    account = Account(f"boto3 {boto3.__version__}", "BatchWriteItem by Table.batch_writer", [LAYOUT])
    table = create_table(TABLE, {"entity": "S", "feature": "S"})
    rows = (("user", "age", 34), ("user", "city", "Gdańsk"), ("user", "income", None), ("device", "os", "linux"))
    with table.batch_writer() as batch:
        for kind, feature, value in rows:
            computed = round(TIME.timestamp() * 1000)
            keys = {"entity": f"{kind}:{kind}-1", "feature": feature}
            batch.put_item(Item={**keys, "value": value, "computed_ms": computed})
            account.add(kind, f"{kind}-1", TABLE, [feature], TIME)
    return account


if __name__ == "__main__":
    run(write)
