"""A single-table design with features of users and merchants, and with orders and profiles.

The prefix `FEATURES#` of the sort key identifies items with features.
"""

from datetime import UTC, datetime
from decimal import Decimal

import boto3

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)


def make_layout(entity_type: str) -> dict[str, object]:
    """Make the layout for one type of entity."""
    return {
        "table": TABLE,
        "keys": {"pk": f"{entity_type.upper()}#{{entity_id}}", "sk": "FEATURES#{resource_name}"},
        "entity_type": entity_type,
        "features": "features",
        "updated_at": "updated_at",
    }


def write() -> Account:
    """Write features of two types of entities, a profile, and an order that is then deleted."""
    layouts = [make_layout("user"), make_layout("merchant")]
    account = Account(f"boto3 {boto3.__version__}", "Table.put_item, Table.delete_item", layouts)
    table = create_table(TABLE, {"pk": "S", "sk": "S"})
    order = {"pk": "USER#u-1", "sk": "ORDER#2025-10-10#17"}

    def put_features(kind: str, entity: str, resource: str, features: dict[str, Decimal], time: datetime) -> None:
        keys = {"pk": f"{kind.upper()}#{entity}", "sk": f"FEATURES#{resource}"}
        table.put_item(Item={**keys, "features": features, "updated_at": time.isoformat()})
        account.add(kind, entity, resource, list(features), time)

    table.put_item(Item={"pk": "USER#u-1", "sk": "PROFILE", "name": "Ada", "features": {"newsletter": True}})
    account.skip("other_item")
    put_features("user", "u-1", "spending", {"sum_7d": Decimal("120.5"), "count_7d": Decimal(4)}, FIRST)
    table.put_item(Item={**order, "total": Decimal("30.10")})
    account.skip("other_item")
    put_features("merchant", "m-9", "refunds", {"share_30d": Decimal("0.02")}, FIRST)
    put_features("user", "u-1", "spending", {"sum_7d": Decimal("150.6"), "count_7d": Decimal(5)}, SECOND)
    put_features("user", "u-2#eu", "spending", {"sum_7d": Decimal(0)}, SECOND)
    table.put_item(Item={"pk": "MERCHANT#m-9", "sk": "FEATURES#fraud", "updated_at": SECOND.isoformat()})
    account.skip("no_features")
    table.delete_item(Key=order)
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
