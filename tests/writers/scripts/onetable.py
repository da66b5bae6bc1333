"""OneTable in a single table: the keys of two models match the same text, and an attribute distinguishes them."""

from datetime import UTC, datetime

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.node import find_writer, run_program
from tests.writers.scripts.tables import create_table

TABLE = "onetable_app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"pk": "account#{}", "sk": "user#{}"},
    "attributes": {"_type": "Features", "id": "{entity_id}", "view": "{resource_name}"},
    "entity_type": "user",
    "features": {"except": ["accountId", "created", "gs{}pk"]},
    "updated_at": {"path": "updated", "unit": "ms"},
}


def write() -> Account:
    """Write a user, features of the user, a change, a feature that is removed, and a deletion."""
    account = Account(find_writer("dynamodb-onetable"), "Model.create, Model.update, Model.remove", [LAYOUT])
    create_table(TABLE, {"pk": "S", "sk": "S"})
    run_program("onetable.cjs")
    account.skip("other_item")
    account.add("user", "u-1", "activity", ["clicks", "city"], FIRST)
    account.add("user", "u-1", "activity", ["clicks", "city"], SECOND)
    account.add("user", "u-1", "activity", ["clicks"], SECOND)
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
