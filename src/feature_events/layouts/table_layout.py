"""Says where a table keeps what an event tells of: entity, resource, features, compute id and time.

A layout is data, so that another store's tables can be described without touching the line.
"""

from typing import Any, NamedTuple, cast

from feature_events.errors import PoisonRecord
from feature_events.records.change import Item

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


SEED = TableLayout(
    resource_key="category",
    features=("features", "data"),
    metadata=("features", "meta"),
    older_metadata=("features", "metadata"),
    updated_at="updated_at",
    compute_id="compute_id",
)
"""The default layout: `features.M.data.M` and `features.M.meta.M` under a key of entity and `category`."""


def read_map(item: Item, path: Path) -> Item | None:
    """The map at this path, or None where a step of it is absent or NULL.

    Raises:
        PoisonRecord: a step of the path is of another type.

    """
    outer, inner = path
    try:
        found: Any = item[outer]["M"][inner]["M"]
    except (KeyError, TypeError):
        found = None
    return found if found.__class__ is dict else _read_odd_map(item, path)


def _read_odd_map(item: Item, path: Path) -> Item | None:
    """What `read_map` gives where the map is not simply there."""
    here: Any = item
    for name in path:
        value = here.get(name)
        if value is None:
            return None
        if type(value) is not dict:
            raise PoisonRecord(f"{'.'.join(path)}: {name} is not an attribute value")
        here = value.get("M")
        if type(here) is not dict:
            if "NULL" in value:
                return None
            raise PoisonRecord(f"{'.'.join(path)}: {name} is not a map")
    return cast("Item", here)


def read_key(name: str, value: Any) -> str:  # noqa: ANN401  # anything a record may hold
    """A key attribute's value as text: S and N as written, B as the record's base64.

    Raises:
        PoisonRecord: it is of another type.

    """
    if type(value) is dict:
        text = value.get("S") or value.get("N") or value.get("B")
        if type(text) is str:
            return text
    raise PoisonRecord(f"key attribute {name} is not a string, a number or binary")
