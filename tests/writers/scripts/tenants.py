"""A table of several tenants, with the tenant in the partition key.

Two tenants have a user with the same id, so the tenant must be part of the entity's id.
"""

from datetime import UTC, datetime

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "tenant_features"
TIME = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"pk": "TENANT#{tenant}#USER#{user}", "sk": "{resource_name}"},
    "entity_type": "user",
    "entity_id": "{tenant}:{user}",
    "features": "features",
    "updated_at": "meta.updated_at",
    "compute_id": "meta.compute_id",
}


def write() -> Account:
    """Write the same user of two tenants, and an item of a tenant."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item", [LAYOUT])
    table = create_table(TABLE, {"pk": "S", "sk": "S"})
    for tenant in ("acme", "globex"):
        features = {"logins_7d": 3, "seats": 1}
        meta = {"updated_at": TIME.isoformat(), "compute_id": f"{tenant}-daily"}
        key = {"pk": f"TENANT#{tenant}#USER#u-1", "sk": "activity"}
        table.put_item(Item={**key, "features": features, "meta": meta})
        account.add("user", f"{tenant}:u-1", "activity", list(features), TIME, f"{tenant}-daily")
    table.put_item(Item={"pk": "TENANT#acme", "sk": "SETTINGS", "plan": "free"})
    account.skip("other_item")
    return account


if __name__ == "__main__":
    run(write)
