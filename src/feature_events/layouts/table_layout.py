"""A table layout: where the items of a table store the parts of an event."""

from typing import NamedTuple

from feature_events.epoch import Unit
from feature_events.layouts.pattern import Pattern

type Path = tuple[str, ...]
"""Attribute names from the item inwards: an attribute of the item, then of the map in that attribute, and so on."""


class MapNames(NamedTuple):
    """The features are the names in the map at this path."""

    path: Path


class JsonNames(NamedTuple):
    """The features are the names in the JSON object that is stored as a string at this path."""

    path: Path


class AttributeNames(NamedTuple):
    """The features are the item's attributes, except its keys, these, and those that other paths start with."""

    excluded: frozenset[str]


class FixedNames(NamedTuple):
    """The features have these names, whatever attributes the item has."""

    names: tuple[Pattern, ...]


type FeatureNames = MapNames | JsonNames | AttributeNames | FixedNames


class TimePath(NamedTuple):
    """The path of a time: text, or with a unit a number since the epoch."""

    path: Path
    unit: Unit | None


class Key(NamedTuple):
    """A key attribute: its name and its value."""

    name: Pattern
    value: Pattern


class TableLayout(NamedTuple):
    """One layout. `table` and `keys` capture text, from which entity, resource and fixed feature names are built."""

    table: Pattern
    """The table's name."""
    keys: tuple[Key, ...]
    """All key attributes of the table. At most one name has placeholders."""
    entity_type: Pattern
    entity_id: Pattern
    resource_name: Pattern
    features: FeatureNames
    updated_at: tuple[TimePath, ...]
    """Tried in order, then the placeholder of the same name."""
    compute_id: tuple[Path, ...]
    """Tried in order, then the placeholder of the same name."""

    @property
    def shape(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """The part of the layout that decides which items it applies to."""
        return self.table.shape, frozenset([(key.name.shape, key.value.shape) for key in self.keys])

    def __str__(self) -> str:
        """Return which tables the layout applies to."""
        keys = " and ".join(key.name.text for key in self.keys)
        return f"tables {self.table.text} with the {'keys' if self.keys[1:] else 'key'} {keys}"
