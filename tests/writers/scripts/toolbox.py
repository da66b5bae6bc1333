"""DynamoDB-Toolbox in a single table: an attribute names the kind of an item, another one marks deleted items."""

from datetime import UTC, datetime

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.node import find_writer, run_program
from tests.writers.scripts.tables import create_table

TABLE = "toolbox_app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"pk": "USER#{entity_id}", "sk": "FEATURES#{resource_name}"},
    "attributes": {"_et": "UserFeatures", "deleted": "false"},
    "entity_type": "user",
    "features": "features",
    "updated_at": "_md",
}


def write() -> Account:
    """Write a profile with the same form of keys, features, a change, a soft delete, and its reversal."""
    account = Account(find_writer("dynamodb-toolbox"), "PutItemCommand, UpdateItemCommand", [LAYOUT])
    create_table(TABLE, {"pk": "S", "sk": "S"})
    run_program("toolbox.cjs")
    account.skip("other_item")
    account.add("user", "u-1", "activity", ["clicks", "city"], FIRST)
    account.add("user", "u-1", "activity", ["clicks", "city"], SECOND)
    account.skip("other_item")
    account.add("user", "u-1", "activity", ["clicks", "city"], SECOND)
    return account


if __name__ == "__main__":
    run(write)
