"""PynamoDB with two models in one table, which a discriminator distinguishes."""

from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from pynamodb.attributes import (
    DiscriminatorAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.models import Model

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table

TABLE = "pynamodb_app"
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123000, UTC), datetime(2025, 10, 11, 12, 1, 0, 456000, UTC)
LAYOUT = {
    "table": TABLE,
    "keys": {"user": "{entity_id}", "item": "{resource_name}"},
    "attributes": {"cls": "Features"},
    "entity_type": "user",
    "features": {"except": ["expires", "version"]},
    "updated_at": "computed",
}


class Item(Model):
    """An item of the table."""

    class Meta:
        """The table."""

        table_name = TABLE

    user = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    cls = DiscriminatorAttribute()


class Features(Item, discriminator="Features"):
    """Features of a user."""

    clicks = NumberAttribute()
    city = UnicodeAttribute(null=True)
    computed = UTCDateTimeAttribute()
    expires = TTLAttribute(null=True)
    version = VersionAttribute()


class Profile(Item, discriminator="Profile"):
    """The profile of a user."""

    name = UnicodeAttribute()


def write() -> Account:
    """Write a profile, features, a change, features without a city, and a deletion."""
    account = Account(f"pynamodb {version('pynamodb')}", "Model.save, Model.update, Model.delete", [LAYOUT])
    create_table(TABLE, {"user": "S", "item": "S"})
    Profile("u-1", "profile", name="Ada").save()
    account.skip("other_item")
    expires = FIRST + timedelta(days=8)
    features = Features("u-1", "activity", clicks=3, city="Gdańsk", computed=FIRST, expires=expires)
    features.save()
    account.add("user", "u-1", "activity", ["city", "clicks"], FIRST)
    features.update(actions=[Features.clicks.set(4), Features.computed.set(SECOND)])
    account.add("user", "u-1", "activity", ["city", "clicks"], SECOND)
    Features("u-2", "activity", clicks=1, computed=SECOND).save()
    account.add("user", "u-2", "activity", ["clicks"], SECOND)
    features.delete()
    account.skip("remove")
    return account


if __name__ == "__main__":
    run(write)
