"""A table whose partition key and sort key are both parts of the entity's id.

The entity is a route with an origin and a destination zone, so neither key is a resource.
"""

from datetime import UTC, datetime

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "route_features"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"origin": "{origin}", "zone": "{zone}"},
    "entity_type": "route",
    "entity_id": "{origin}/{zone}",
    "resource_name": TABLE,
    "features": "values",
    "updated_at": "computed_at",
}


def write() -> Account:
    """Write two routes with the same origin, change one, and delete the other. The sort key is a number."""
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item, Table.delete_item", [LAYOUT])
    table = create_table(TABLE, {"origin": "S", "zone": "N"})
    for zone, minutes, time in ((3, 12, FIRST), (4, 31, FIRST), (3, 14, SECOND)):
        values = {"minutes_p50": minutes, "minutes_p95": minutes * 2}
        table.put_item(Item={"origin": "WAW", "zone": zone, "values": values, "computed_at": time.isoformat()})
        account.add("route", f"WAW/{zone}", TABLE, list(values), time)
    table.delete_item(Key={"origin": "WAW", "zone": 4})
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
