"""Feast's DynamoDB online store, used through a feature store: apply, materialize, write.

Its items contain only the hash of an entity's serialized key. The report therefore contains the id that Feast's
`compute_entity_id` computes, as a consumer does to find a known entity.
"""

import os
import tempfile
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.infra.online_stores.helpers import compute_entity_id
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import Float32, Int64, String

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import turn_on_stream

PROJECT = "credit_scoring"
VERSION = version("feast")
KEY_VERSION = {"0.40.1": 2, "0.67.0": 3}[VERSION]
FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123456, UTC), datetime(2025, 10, 11, 12, 1, 0, 456789, UTC)
TRIPS, PAIRS = "driver_stats", "driver_customer_stats"
HAS_VERSIONED_VIEWS = KEY_VERSION == 3
"""Whether this version has versioned views, as 0.67.0 does."""
TEMPLATES = ("{project}.{table_name}", "feast_{project}_{table_name}_online")


def make_layouts() -> list[dict[str, Any]]:
    """Make layouts for the view with two join keys, for the versioned view, and for all other views of drivers."""
    rest = {"keys": {"entity_id": "{entity_id}"}, "features": "values", "updated_at": "event_ts"}
    pairs = {"table": f"{PROJECT}.{PAIRS}", **rest, "entity_type": "driver_customer", "resource_name": PAIRS}
    versioned = {"table": f"{PROJECT}.{TRIPS}_v{{}}", **rest, "entity_type": "driver", "resource_name": TRIPS}
    tables = (f"{PROJECT}.{{resource_name}}", f"feast_{PROJECT}_{{resource_name}}_online")
    others = [{"table": table, **rest, "entity_type": "driver"} for table in tables]
    return [pairs, *([versioned] if HAS_VERSIONED_VIEWS else []), *others]


def find_entity_id(**join_keys: int | str) -> str:
    """Return Feast's id of the entity with these join keys. Feast sorts them."""
    values = [Value(int64_val=key) if isinstance(key, int) else Value(string_val=key) for key in join_keys.values()]
    key = EntityKey(join_keys=list(join_keys), entity_values=values)
    return str(compute_entity_id(key, entity_key_serialization_version=KEY_VERSION))


def make_store(home: Path, name: str, template: str = TEMPLATES[0], **options: bool) -> FeatureStore:
    """Make a feature store with a file registry with these options, and with table names from this template."""
    online = {"type": "dynamodb", "region": os.environ["AWS_REGION"], "table_name_template": template}
    return FeatureStore(
        config=RepoConfig(
            project=PROJECT,
            provider="local",
            registry={"path": str(home / f"{name}.db"), **options},
            online_store={**online, "endpoint_url": os.environ["AWS_ENDPOINT_URL"]},
            entity_key_serialization_version=KEY_VERSION,
        )
    )


def make_views(home: Path) -> list[Any]:
    """Make two feature views and their entities. The first has one join key, the second has two."""
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
    rows = pd.DataFrame({"driver_id": [1001, 1002], "trips": [12, 7], "rating": [4.5, None], "event_timestamp": FIRST})
    rows.to_parquet(home / "trips.parquet")
    source = FileSource(path=str(home / "trips.parquet"), timestamp_field="event_timestamp")
    trips = [Field(name="trips", dtype=Int64), Field(name="rating", dtype=Float32)]
    pairs = [Field(name="rides_30d", dtype=Int64), Field(name="last_city", dtype=String)]
    kept = timedelta(days=36500)  # so that the materialized rows are not too old
    return [
        driver,
        customer,
        FeatureView(name=TRIPS, entities=[driver], schema=trips, source=source, ttl=kept),
        FeatureView(name=PAIRS, entities=[driver, customer], schema=pairs, source=source, ttl=kept),
    ]


def write_rows(account: Account, store: FeatureStore) -> None:
    """Write a later time with a null, an older time, which Feast accepts, and an entity with two join keys."""
    for trips, rating, time in ((13, None, SECOND), (11, 4.0, FIRST)):
        row = {"driver_id": [1001], "trips": [trips], "rating": [rating], "event_timestamp": [time]}
        store.write_to_online_store(TRIPS, pd.DataFrame(row).astype({"rating": "float32"}))
        account.add("driver", find_entity_id(driver_id=1001), TRIPS, ["trips", "rating"], time)
    keys = {"driver_id": [1001], "customer_id": ["C-7"]}
    row = {**keys, "rides_30d": [3], "last_city": ["Gdańsk"], "event_timestamp": [FIRST]}
    store.write_to_online_store(PAIRS, pd.DataFrame(row))
    entity = find_entity_id(driver_id=1001, customer_id="C-7")
    account.add("driver_customer", entity, PAIRS, ["rides_30d", "last_city"], FIRST)


def write_by_template(account: Account, store: FeatureStore) -> None:
    """Write a driver to a table with another name."""
    row = {"driver_id": [1003], "trips": [1], "rating": [5.0], "event_timestamp": [SECOND]}
    store.write_to_online_store(TRIPS, pd.DataFrame(row))
    account.add("driver", find_entity_id(driver_id=1003), TRIPS, ["trips", "rating"], SECOND)


def write_versioned(account: Account, home: Path, views: list[Any]) -> None:
    """Change a versioned view. Feast creates a table with the version in its name."""
    store = make_store(home, "versioned", enable_online_feature_view_versioning=True)
    store.apply(views)
    driver, _, view, _ = views
    changed = [*view.schema, Field(name="late_30d", dtype=Int64)]
    store.apply([FeatureView(name=TRIPS, entities=[driver], schema=changed, source=view.batch_source, ttl=view.ttl)])
    turn_on_stream(f"{PROJECT}.{TRIPS}_v1")
    row = {"driver_id": [1001], "trips": [14], "rating": [4.5], "late_30d": [0], "event_timestamp": [SECOND]}
    store.write_to_online_store(TRIPS, pd.DataFrame(row))
    account.add("driver", find_entity_id(driver_id=1001), TRIPS, ["trips", "rating", "late_30d"], SECOND)


def write() -> Account:
    """Materialize a view, write rows, and use tables with other names."""
    made = "FeatureStore.materialize, FeatureStore.write_to_online_store"
    account = Account(f"feast {VERSION}, entity keys version {KEY_VERSION}", made, make_layouts())
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        store, other = (make_store(home, str(number), template) for number, template in enumerate(TEMPLATES))
        views = make_views(home)
        for each, template in zip((store, other), TEMPLATES, strict=True):
            each.apply(views)
            for view in (TRIPS, PAIRS):
                turn_on_stream(template.format(project=PROJECT, table_name=view))
        store.materialize(FIRST - timedelta(days=1), FIRST + timedelta(hours=1), [TRIPS])
        for driver in (1001, 1002):
            account.add("driver", find_entity_id(driver_id=driver), TRIPS, ["trips", "rating"], FIRST)
        write_rows(account, store)
        write_by_template(account, other)
        if HAS_VERSIONED_VIEWS:
            write_versioned(account, home, views)
    return account


if __name__ == "__main__":
    run(write)
