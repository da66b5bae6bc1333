"""A table with all versions: the current one with the sort key `LATEST`, and an archived item for each time.

Both contain the same features, so only one of the two writes should produce an event.
"""

from datetime import UTC, datetime

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "churn_scores"
TIMES = (datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC))
LAYOUT = {
    "table": TABLE,
    "keys": {"customer": "{entity_id}", "version": "LATEST"},
    "entity_type": "customer",
    "resource_name": TABLE,
    "features": {"except": []},
    "updated_at": "scored_at",
    "compute_id": "run",
}


def write() -> Account:
    """Write two versions of a customer's scores, each to the archive and as the current item."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item", [LAYOUT])
    table = create_table(TABLE, {"customer": "S", "version": "S"})
    for number, time in enumerate(TIMES, start=1):
        scores = {"churn_30d": number, "churn_90d": number + 1}
        row = {"customer": "c-1", **scores, "scored_at": time.isoformat(), "run": f"run-{number}"}
        table.put_item(Item={**row, "version": f"TS#{time.isoformat()}"})
        account.skip("other_item")
        table.put_item(Item={**row, "version": "LATEST"})
        account.add("customer", "c-1", TABLE, list(scores), time, f"run-{number}")
    return account


if __name__ == "__main__":
    run(write)
