"""The stores, by the names of their captures."""

from collections.abc import Mapping
from typing import NamedTuple


class Store(NamedTuple):
    """The script of a store, and the Python that runs it."""

    script: str
    """A module of `scripts`."""
    python: str | None = None
    """The Python version of its environment, which `requirements/STORE.txt` locks. None if it needs only boto3."""
    uses_node: bool = False
    """Whether it runs a Node.js program, whose packages `requirements/node` locks."""


STORES: Mapping[str, Store] = {
    "chronon": Store("chronon"),
    "databricks": Store("databricks", "3.13"),
    "dynamoose": Store("dynamoose", uses_node=True),
    "electrodb": Store("electrodb", uses_node=True),
    "feast-0.40": Store("feast", "3.11"),  # its NumPy does not support Python 3.13
    "feast-0.67": Store("feast", "3.13"),
    "featureform": Store("featureform"),
    "flat": Store("flat"),
    "former-service": Store("former_service"),
    "json-text": Store("json_text"),
    "latest-and-archive": Store("latest_and_archive"),
    "mlforge": Store("mlforge", "3.13"),
    "one-feature-per-item": Store("one_feature_per_item"),
    "onetable": Store("onetable", uses_node=True),
    "pynamodb": Store("pynamodb", "3.13"),
    "simplesingletable": Store("simplesingletable", "3.13"),
    "single-table": Store("single_table"),
    "tenants": Store("tenants"),
    "toolbox": Store("toolbox", uses_node=True),
    "two-keys": Store("two_keys"),
}
