"""Databricks' publisher to DynamoDB on Spark: `OnlineStorePublishNoSqlClient`, which `publish_table` uses.

`FeatureEngineeringClient.publish_table` reads the feature table and its keys from a workspace, and then passes the rows
to this client. The code that determines an item's form is in the client. It needs Java 17 or newer.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from databricks.ml_features._online_store_publish_client._online_store_publish_nosql_client import (
    OnlineStorePublishNoSqlClient,
)
from databricks.ml_features.constants import MERGE
from databricks.ml_features.online_store_spec import AmazonDynamoDBSpec
from pyspark.sql import DataFrame, SparkSession

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import turn_on_stream

FIRST, SECOND = datetime(2025, 10, 10, 12, 1, 0, 123456, UTC), datetime(2025, 10, 11, 12, 1, 0, 456789, UTC)
TTL = timedelta(days=36500)
"""A long time to live, so that the fixed times are always within the published window."""
CUSTOMERS, CLICKS, LATEST = "shop.customer_features", "shop.click_features", "shop.latest_clicks"
KEYS = "_feature_store_internal__primary_keys"
LAYOUTS = [
    {
        "table": CUSTOMERS,
        "keys": {KEYS: "{entity_id}"},
        "entity_type": "customer",
        "resource_name": "customer_features",
        "features": {"except": []},
    },
    {
        "table": "shop.{resource_name}",
        "keys": {KEYS: "{entity_id}", "ts": "{}"},
        "entity_type": "user_device",
        "features": {"except": ["_feature_store_internal__ttl_column"]},
        "updated_at": {"path": "ts", "unit": "us"},
    },
    {
        "table": "shop.{resource_name}",
        "keys": {KEYS: "{entity_id}"},
        "entity_type": "user_device",
        "features": {"except": []},
        "updated_at": {"path": "ts", "unit": "us"},
    },
]


def publish(rows: DataFrame, table: str, keys: list[str], times: list[str], ttl: timedelta | None = None) -> None:
    """Publish the rows like `publish_table`, and enable the stream once the table exists."""
    spec = AmazonDynamoDBSpec(
        region=os.environ["AWS_REGION"],
        access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        table_name=table,
        ttl=ttl,
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    )
    client = OnlineStorePublishNoSqlClient(spec)
    if client.get_or_create_online_table(rows, keys, times).is_new_empty_table:
        turn_on_stream(table)
    in_order = rows.coalesce(1)
    client.publish(in_order, keys, times, streaming=False, mode=MERGE, trigger=None, lookback_window=ttl)


def publish_customers(account: Account, spark: SparkSession) -> None:
    """Publish a feature table without times: two customers, one of them with a null feature, and a change."""
    schema = "customer_id string, spend double, visits int, vip boolean, tags array<string>"
    first: list[Any] = [("c-1", 12.5, 3, True, ["a", "b"]), ("c-2", None, 1, False, [])]
    for rows in (first, [("c-1", 14.25, 4, True, ["a"])]):
        publish(spark.createDataFrame(rows, schema), CUSTOMERS, ["customer_id"], [])
        for row in rows:
            features = ["spend", "visits", "vip", "tags"]
            account.add("customer", f'["{row[0]}"]', "customer_features", features)


def publish_clicks(account: Account, spark: SparkSession) -> None:
    """Publish a time series with two keys: all times with a time to live, and then only the latest time."""
    schema = "user_id string, device_id long, ts timestamp, clicks int"
    rows = [("u-1", 7, FIRST, 3), ("u-1", 7, SECOND, 5)]
    frame, entity = spark.createDataFrame(rows, schema), '["u-1", 7]'
    publish(frame, CLICKS, ["user_id", "device_id"], ["ts"], TTL)
    for time in (FIRST, SECOND):
        account.add("user_device", entity, "click_features", ["clicks"], time)
    publish(frame, LATEST, ["user_id", "device_id"], ["ts"])
    account.add("user_device", entity, "latest_clicks", ["clicks"], SECOND)


def write() -> Account:
    """Publish all tables."""
    package = "databricks-feature-engineering"
    made = "OnlineStorePublishNoSqlClient.get_or_create_online_table and .publish, without and with a time to live"
    account = Account(f"{package} {version(package)} on pyspark {version('pyspark')}", made, LAYOUTS)
    os.environ["PYSPARK_PYTHON"] = sys.executable  # otherwise Spark's workers run on the python3 on PATH
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
    }
    spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    try:
        publish_customers(account, spark)
        publish_clicks(account, spark)
    finally:
        spark.stop()
    return account


if __name__ == "__main__":
    run(write)
