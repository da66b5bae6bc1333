"""Dynamoose with a table of features: it writes dates and the times of an item as numbers."""

from datetime import UTC, datetime

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.node import find_writer, run_program
from tests.writers.scripts.tables import create_table

TABLE = "dynamoose_features"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"userId": "{entity_id}", "view": "{resource_name}"},
    "entity_type": "user",
    "features": {"except": ["createdAt", "expires"]},
    "updated_at": {"path": "updatedAt", "unit": "ms"},
}


def write() -> Account:
    """Write features, a change, an item without features, and a deletion."""
    account = Account(find_writer("dynamoose"), "Model.create, Model.update, Model.delete", [LAYOUT])
    create_table(TABLE, {"userId": "S", "view": "S"})
    run_program("dynamoose.cjs")
    account.add("user", "u-1", "activity", ["clicks", "city", "seenAt"], FIRST)
    account.add("user", "u-1", "activity", ["clicks", "seenAt"], SECOND)
    account.skip("no_features")
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
