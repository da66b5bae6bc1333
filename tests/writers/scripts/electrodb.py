"""ElectroDB in a single table: it writes keys in lower case, so the entity's id comes from an attribute."""

from datetime import UTC, datetime

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.node import find_writer, run_program
from tests.writers.scripts.tables import create_table

TABLE = "electrodb_app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"pk": "$fs#userid_{}", "sk": "{}"},
    "attributes": {"__edb_e__": "features", "userId": "{entity_id}", "group": "{resource_name}"},
    "entity_type": "user",
    "features": {"except": ["gsi{}", "__edb_{}__"]},
    "updated_at": {"path": "computedAt", "unit": "ms"},
}


def write() -> Account:
    """Write a profile, features of two users, a change, a feature that is removed, and a deletion."""
    account = Account(find_writer("electrodb"), "Entity.put, Entity.patch, Entity.delete", [LAYOUT])
    create_table(TABLE, {"pk": "S", "sk": "S"})
    run_program("electrodb.cjs")
    account.skip("other_item")
    account.add("user", "U-Ä1", "Activity", ["clicks", "city"], FIRST)
    account.add("user", "u-2", "Activity", ["clicks"], FIRST)
    account.add("user", "U-Ä1", "Activity", ["clicks", "city"], SECOND)
    account.add("user", "U-Ä1", "Activity", ["clicks"], SECOND)
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
