"""The rows of the former service: current rows, older rows, and rows serialized twice before 2025-10-13.

The service serialized attribute values that its client serialized again. These items contain maps whose names are types
such as `M` and `S`.
"""

from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.types import TypeSerializer

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLES = {"bright_uid": "user_feature_store", "account_pid": "account_feature_store"}
FIRST, SECOND = datetime(2025, 10, 10, 12, 34, 56, 789000, UTC), datetime(2025, 10, 14, 12, 34, 56, 789000, UTC)
LAYOUT = {
    "keys": {"{entity_type}": "{entity_id}", "category": "{resource_name}"},
    "features": "features.data",
    "updated_at": ["features.meta.updated_at", "features.metadata.updated_at"],
    "compute_id": ["features.meta.compute_id", "features.metadata.compute_id"],
}
serialize = TypeSerializer().serialize


def make_metadata(time: datetime, job: str | None) -> dict[str, Any]:
    """Make the metadata of a computation."""
    return {"created_at": time.isoformat(), "updated_at": time.isoformat(), "compute_id": job}


def write() -> Account:
    """Write rows of each kind, and finally a current row over one that was serialized twice."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item", [LAYOUT])
    tables = {entity: create_table(name, {entity: "S", "category": "S"}) for entity, name in TABLES.items()}

    def put(entity: str, category: str, features: dict[str, Any]) -> None:
        kind = "account_pid" if entity.startswith("account") else "bright_uid"
        tables[kind].put_item(Item={kind: entity, "category": category, "features": features})

    data: dict[str, Any] = {"age": 34, "city": "Gdańsk", "tags": ["a", "b"], "empty": None}
    meta = make_metadata(FIRST, "spark-job-0007")
    names = list(data)
    put("account-1", "account_features", {"data": data, "meta": meta})
    account.add("account_pid", "account-1", "account_features", names, FIRST, "spark-job-0007")
    put("user-1", "user_features", {"data": data, "metadata": make_metadata(FIRST, None)})
    account.add("bright_uid", "user-1", "user_features", names, FIRST)
    put("user-2", "user_features", {"data": serialize(data), "meta": serialize(meta)})
    account.add("bright_uid", "user-2", "user_features", names, FIRST, "spark-job-0007")
    put("user-3", "user_features", {"data": serialize(data)})
    account.add("bright_uid", "user-3", "user_features", names)
    put("user-4", "user_features", {"data": serialize(data), "meta": meta})
    account.add("bright_uid", "user-4", "user_features", names, FIRST, "spark-job-0007")
    put("user-2", "user_features", {"data": {**data, "age": 35}, "meta": make_metadata(SECOND, "spark-job-0008")})
    account.add("bright_uid", "user-2", "user_features", names, SECOND, "spark-job-0008")
    return account


if __name__ == "__main__":
    run(write)
