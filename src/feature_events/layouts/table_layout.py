"""Says where a table keeps what an event tells of: entity, resource, features, compute id and time.

A layout is data, so that another store's tables can be described without touching the pipeline.
"""

from typing import NamedTuple

type Path = tuple[str, str]
"""A map attribute, and the map attribute within it."""


class TableLayout(NamedTuple):
    """Where a table keeps what an event tells of.

    The partition key is the table's one key attribute besides `resource_key`; its name is the entity type.
    """

    resource_key: str
    """The sort key: its value is the resource name."""
    features: Path
    """The map whose names are the features."""
    metadata: Path
    """The map with `updated_at` and `compute_id`."""
    older_metadata: Path
    """Where older rows have that map."""
    updated_at: str
    compute_id: str


DEFAULT_LAYOUT = TableLayout(
    resource_key="category",
    features=("features", "data"),
    metadata=("features", "meta"),
    older_metadata=("features", "metadata"),
    updated_at="updated_at",
    compute_id="compute_id",
)
"""`features.M.data.M` and `features.M.meta.M` under a key of entity and `category`."""
