"""Two resources of simplesingletable in one table, one of them with versions.

The package uses the clock for the time of a write and has no option to set it, so this script stops the clock.
"""

import logging
from datetime import UTC, datetime
from importlib.metadata import version
from unittest import mock

from simplesingletable import DynamoDbMemory, DynamoDbResource, DynamoDbVersionedResource
from simplesingletable.models import ResourceConfig

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "simplesingletable_app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"pk": "UserFeatures#{entity_id}", "sk": "v0"},
    "entity_type": "user",
    "resource_name": "UserFeatures",
    "features": {"except": ["resource_id", "version", "created_at", "gsi{}"]},
    "updated_at": "updated_at",
}


class Profile(DynamoDbResource):
    """A resource without features."""

    name: str


class UserFeatures(DynamoDbVersionedResource):
    """Features of a user. `v0` is a copy of the newest version."""

    resource_config = ResourceConfig(compress_data=False)

    clicks: int
    city: str | None = None


def write() -> Account:
    """Write a profile, and two versions of a user's features."""
    writer = f"simplesingletable {version('simplesingletable')}"
    account = Account(writer, "DynamoDbMemory.create_new, DynamoDbMemory.update_existing", [LAYOUT])
    create_table(TABLE, {"pk": "S", "sk": "S"})
    memory = DynamoDbMemory(logger=logging.getLogger(), table_name=TABLE, track_stats=False)
    with mock.patch("simplesingletable.models._now", return_value=FIRST):
        memory.create_new(Profile, {"name": "Ada"}, override_id="u-1")
        account.skip("other_item")
        features = memory.create_new(UserFeatures, {"clicks": 3, "city": "Gdańsk"}, override_id="u-1")
        account.skip("other_item")
        account.add("user", "u-1", "UserFeatures", ["clicks", "city"], FIRST)
    with mock.patch("simplesingletable.models._now", return_value=SECOND):
        memory.update_existing(features, {"clicks": 4})
        account.skip("other_item")
        account.add("user", "u-1", "UserFeatures", ["clicks", "city"], SECOND)
    return account


if __name__ == "__main__":
    run(write)
