"""A table with the features as JSON text in one attribute, and the time in seconds.

Teams use such a table like a cache, and read it only by key.
"""

import json
from datetime import UTC, datetime

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "session_scores"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, tzinfo=UTC), datetime(2025, 10, 11, 12, 1, tzinfo=UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"session": "{entity_id}"},
    "entity_type": "session",
    "resource_name": TABLE,
    "features": {"json": "payload"},
    "updated_at": {"path": "updated_at", "unit": "s"},
    "compute_id": "model",
}


def write() -> Account:
    """Write an item and change it, with nested values, a null and a quoted name, and an item without features."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item", [LAYOUT])
    table = create_table(TABLE, {"session": "S"})
    for score, time in ((0.25, FIRST), (0.5, SECOND)):
        features = {"score": score, "top": [{"sku": "a"}, None], 'odd "name"': None, "ąę": {"score": 1}}
        stamp = round(time.timestamp())
        item = {"session": "s-1", "payload": json.dumps(features), "updated_at": stamp, "model": "v7"}
        table.put_item(Item=item)
        account.add("session", "s-1", TABLE, list(features), time, "v7")
    table.put_item(Item={"session": "s-2", "payload": "{}", "updated_at": round(FIRST.timestamp())})
    account.skip("no_features")
    return account


if __name__ == "__main__":
    run(write)
