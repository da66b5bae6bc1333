"""The requests of Chronon's key-value store for DynamoDB, sent with boto3.

The store is a Scala class inside Chronon's service. This script repeats the requests of `create` and `multiPut` for a
streaming table in DynamoDBKVStoreImpl.scala of github.com/BenMagyar/zipline-chronon at 1f946f2. Keys and values are
Avro, as AvroConversions.scala encodes them: each field is a union of null and its type.
"""

from datetime import UTC, datetime

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table, make_client

TABLE = "CLICKS_V1_STREAMING"
FEATURES = ["clicks_1d", "clicks_7d"]
DAY, TILE = 24 * 3600 * 1000, 300_000
FIRST, SECOND = datetime(2025, 10, 10, 12, 0, tzinfo=UTC), datetime(2025, 10, 10, 12, 5, tzinfo=UTC)
LAYOUT = {
    "table": "CLICKS_V1_STREAMING",
    "keys": {"keyBytes": "{entity_id}", "ts": "{}"},
    "entity_type": "user",
    "resource_name": "clicks_v1",
    "features": {"names": FEATURES, "except": ["ttl"]},
    "updated_at": {"path": "ts", "unit": "ms"},
}
ENTITY_IDS = {"u-1": "AgZ1LTEjMTc2MDA1NDQwMDAwMCMzMDAwMDA=", "u-2": "AgZ1LTIjMTc2MDA1NDQwMDAwMCMzMDAwMDA="}


def make_key(user: str, start_ms: int) -> bytes:
    """Return the key of a tile, like `buildKeyWithTileSize`: the entity in Avro, the day and the tile's size."""
    return bytes([2, 2 * len(user)]) + f"{user}#{start_ms - start_ms % DAY}#{TILE}".encode()


def put(user: str, start: datetime, value: bytes, written: datetime) -> None:
    """Write a tile like `multiPut`."""
    start_ms = int(start.timestamp()) * 1000
    item = {
        "keyBytes": {"B": make_key(user, start_ms)},
        "valueBytes": {"B": value},
        "ts": {"N": str(start_ms)},
        "ttl": {"N": str(int(written.timestamp()) + 5 * 24 * 3600)},
    }
    make_client().put_item(TableName=TABLE, Item=item)


def write() -> Account:
    """Write a tile, change it, and write a later tile and one of another user."""
    account = Account("chronon 1f946f2, a streaming table", "PutItem", [LAYOUT])
    create_table(TABLE, {"keyBytes": "B", "ts": "N"})
    for user, start, value in (("u-1", FIRST, 1), ("u-1", FIRST, 2), ("u-1", SECOND, 1), ("u-2", SECOND, 1)):
        put(user, start, bytes([2, 2 * value]), SECOND)
        account.add("user", ENTITY_IDS[user], "clicks_v1", FEATURES, start)
    return account


if __name__ == "__main__":
    run(write)
