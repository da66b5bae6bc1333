"""Finds the map that an item holds at a path of names.

Rows that the former service wrote before 2025-10-13 were serialized twice: where a map should have `age`, it has `M`,
a map of `age` whose value `{"M": {"N": {"S": "30"}}}` is itself an attribute. Such a map is read as what was meant.
"""

from typing import Any, cast

from feature_events.errors import PoisonRecord
from feature_events.layout_language.table_layout import Path
from feature_events.records.change import Item

_STORED_AS = {
    "S": "S", "N": "S", "B": "B", "BOOL": "BOOL", "NULL": "BOOL", "M": "M", "L": "L", "SS": "L", "NS": "L", "BS": "L",
}  # fmt: skip
"""The type that the content of an attribute of each type has when it is serialized again."""


def find_map(item: Item, path: Path) -> Item | None:
    """The map at this path, or None where a step of it is absent or NULL.

    Raises:
        PoisonRecord: a step of the path is no map.

    """
    here = item
    for name in path:
        value = here.get(name)
        if value is None:
            return None
        inner = value.get("M") if type(value) is dict else None
        if type(inner) is not dict:
            if type(value) is dict and "NULL" in value:
                return None
            kind = "a map" if type(value) is dict else "an attribute value"
            raise PoisonRecord(f"{'.'.join(path)}: {name} is not {kind}")
        here = inner
    return here if "M" not in here else _to_serialized_once(here)


def is_absent(value: Any) -> bool:  # noqa: ANN401  # anything a record may hold
    """Whether there is no attribute, or it is NULL."""
    return value is None or (type(value) is dict and "NULL" in value and len(value) == 1)


def _to_serialized_once(attributes: Item) -> Item:
    """The map that was meant, where it is serialized twice; otherwise it is as it should be."""
    inner = attributes["M"].get("M") if type(attributes["M"]) is dict else None
    if len(attributes) > 1 or type(inner) is not dict:
        return attributes
    once = {name: _to_value(value) for name, value in inner.items()}
    return attributes if None in once.values() else cast("Item", once)


def _to_value(value: Any) -> Item | None:  # noqa: ANN401  # anything a record may hold
    """`{"N": "30"}` of `{"M": {"N": {"S": "30"}}}`; None where that is no attribute in an attribute."""
    parts = value.get("M") if type(value) is dict else None
    if type(parts) is not dict or len(parts) != 1:
        return None
    [(kind, part)] = parts.items()
    if type(part) is not dict or list(part) != [_STORED_AS.get(kind)]:
        return None
    return {kind: part[_STORED_AS[kind]]}
