"""The stores whose writers are run, each by the name of its capture."""

from collections.abc import Mapping
from typing import NamedTuple


class Store(NamedTuple):
    """How a store's writer is run."""

    script: str
    """A module of `scripts`."""
    python: str | None = None
    """The Python of its own environment, which `requirements/STORE.txt` locks; None where it needs boto3 only, which
    the project has."""


STORES: Mapping[str, Store] = {
    "databricks": Store("databricks", "3.13"),
    "feast-0.40": Store("feast", "3.11"),  # its NumPy is older than Python 3.13
    "feast-0.67": Store("feast", "3.13"),
    "featureform": Store("featureform"),
    "flat": Store("flat"),
    "former-service": Store("former_service"),
    "json-text": Store("json_text"),
    "latest-and-archive": Store("latest_and_archive"),
    "mlforge": Store("mlforge", "3.13"),
    "one-feature-per-item": Store("one_feature_per_item"),
    "single-table": Store("single_table"),
    "tenants": Store("tenants"),
    "two-keys": Store("two_keys"),
}
