"""The online store of mlforge-sdk, used like its feature pipeline does.

The store uses the clock for the time of a write and has no option to set it, so this script stops the clock.
"""

from datetime import UTC, datetime, tzinfo
from importlib.metadata import version
from typing import Self
from unittest import mock

from mlforge.online import DynamoDBStore, _compute_entity_hash

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import turn_on_stream

TABLE = "mlforge-features"
WEEK = 7 * 24 * 3600
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123456, UTC), datetime(2025, 10, 11, 12, 1, 0, 456789, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"entity_key": "{entity_id}", "feature_name": "{resource_name}"},
    "entity_type": "user",
    "features": {"json": "feature_values"},
    "updated_at": "updated_at",
}


def stop_clock(time: datetime) -> "mock._patch[type[datetime]]":
    """Stop the clock of `datetime.now` at this time."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(time.timestamp(), tz)

    return mock.patch("datetime.datetime", Stopped)


def write() -> Account:
    """Write two users with two join keys, a change, an item with a time to live, and a deleted item."""
    account = Account(
        f"mlforge-sdk {version('mlforge-sdk')}",
        "DynamoDBStore.write_batch, DynamoDBStore.write, DynamoDBStore.delete",
        [LAYOUT],
    )
    store = DynamoDBStore(TABLE)
    turn_on_stream(TABLE)
    spend = {"amount__sum__7d": 1500.0, "amount__count__7d": None}
    users = [{"user_id": user, "country": "pl"} for user in ("u-1", "u-2")]
    with stop_clock(FIRST):
        store.write_batch("user_spend", [{**user, **spend} for user in users], ["user_id", "country"])
    for user in users:
        account.add("user", _compute_entity_hash(user), "user_spend", list(spend), FIRST)
    with stop_clock(SECOND), mock.patch("time.time", SECOND.timestamp):
        store.write("user_spend", users[0], {**spend, "amount__sum__7d": 1600.5})
        account.add("user", _compute_entity_hash(users[0]), "user_spend", list(spend), SECOND)
        DynamoDBStore(TABLE, ttl_seconds=WEEK).write("user_visits", users[0], {"visits": 3})
        account.add("user", _compute_entity_hash(users[0]), "user_visits", ["visits"], SECOND)
    store.delete("user_spend", users[1])
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
