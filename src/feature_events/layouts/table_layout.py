"""What a layout says, checked: where the items of a table keep what an event tells of."""

from typing import NamedTuple

from feature_events.epoch import Unit
from feature_events.layouts.pattern import Pattern

type Path = tuple[str, ...]
"""Attribute names from the item inwards: an attribute of the item, then of the map that it is, and so on."""


class MapNames(NamedTuple):
    """The features are the names of the map at this path."""

    path: Path


class JsonNames(NamedTuple):
    """The features are the names of the JSON object in the text at this path."""

    path: Path


class AttributeNames(NamedTuple):
    """The features are the item's attributes, but for its keys, these, and those that the layout's paths begin with."""

    without: frozenset[str]


class WrittenNames(NamedTuple):
    """The features have these names, whatever the item holds."""

    texts: tuple[Pattern, ...]


type Features = MapNames | JsonNames | AttributeNames | WrittenNames


class TimePath(NamedTuple):
    """Where a time is: text, or with a unit a number of so many since the epoch."""

    path: Path
    unit: Unit | None


class Key(NamedTuple):
    """A key attribute: its name and its value."""

    name: Pattern
    value: Pattern


class TableLayout(NamedTuple):
    """One layout. Its texts and the features' are filled with what the table's name and the keys catch."""

    table: Pattern
    """Of the table's name."""
    keys: tuple[Key, ...]
    """All key attributes of the table; of at most one the name has holes."""
    entity_type: Pattern
    entity_id: Pattern
    resource_name: Pattern
    features: Features
    updated_at: tuple[TimePath, ...]
    """Tried in order; behind them the hole of that name."""
    compute_id: tuple[Path, ...]
    """Tried in order; behind them the hole of that name."""

    @property
    def shape(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """What decides which items it is for."""
        return self.table.shape, frozenset([(key.name.shape, key.value.shape) for key in self.keys])

    def __str__(self) -> str:
        """What a table must be for this layout to fit it."""
        keys = " and ".join(key.name.text for key in self.keys)
        return f"tables {self.table.text} with the {'keys' if self.keys[1:] else 'key'} {keys}"
