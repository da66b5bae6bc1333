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
    """The features are the item's attributes, except those that the layout uses otherwise and these."""

    excluded: tuple[Pattern, ...]
    """Names of attributes, with `{}` as a wildcard."""


class FixedNames(NamedTuple):
    """The features have these names, whatever attributes the item has."""

    names: tuple[Pattern, ...]
    excluded: tuple[Pattern, ...] = ()
    """Names of attributes whose change alone changes no feature, with `{}` as a wildcard."""


type FeatureNames = MapNames | JsonNames | AttributeNames | FixedNames


class TimePath(NamedTuple):
    """The path of a time: text, or with a unit a number since the epoch."""

    path: Path
    unit: Unit | None


class TimeText(NamedTuple):
    """A time that is built from captures: text, or with a unit a number since the epoch."""

    text: Pattern
    unit: Unit | None


class Key(NamedTuple):
    """A key attribute: its name and its value."""

    name: Pattern
    value: Pattern


class Attribute(NamedTuple):
    """An attribute that is not a key: its name and its value."""

    name: str
    value: Pattern


class TableLayout(NamedTuple):
    """One layout. `table`, `keys` and `attributes` capture text, from which the other texts are built."""

    table: Pattern
    """The table's name."""
    keys: tuple[Key, ...]
    """All key attributes of the table. At most one name has placeholders."""
    attributes: tuple[Attribute, ...]
    """Other attributes that an item of this layout must have."""
    entity_type: Pattern
    entity_id: Pattern
    resource_name: Pattern
    features: FeatureNames
    updated_at: tuple[TimePath | TimeText, ...]
    """Tried in order, then the placeholder of the same name."""
    compute_id: tuple[Path, ...]
    """Tried in order, then the placeholder of the same name."""

    @property
    def is_for_own_tables(self) -> bool:
        """True for the default layout, with any table names and any paths of time and compute id."""
        keys = {(key.name.shape, key.value.shape) for key in self.keys}
        is_flat = not self.attributes and self.features == MapNames(("features", "data"))
        return is_flat and keys == {("{}", "{}"), ("category", "{}")}

    def hides(self, later: "TableLayout") -> bool:
        """Return whether a later layout is never used, because this one applies to all of its items."""
        if (self.table.shape, _find_shapes(self.keys)) != (later.table.shape, _find_shapes(later.keys)):
            return False
        values = dict(later.attributes)
        return all(name in values and value.covers(values[name]) for name, value in self.attributes)

    def __str__(self) -> str:
        """Return which items the layout applies to."""
        keys = " and ".join(key.name.text for key in self.keys)
        applies_to = f"tables {self.table.text} with the {'keys' if self.keys[1:] else 'key'} {keys}"
        if not self.attributes:
            return applies_to
        return f"{applies_to}, and items with {' and '.join(f'{name} {value.text}' for name, value in self.attributes)}"


def _find_shapes(keys: tuple[Key, ...]) -> frozenset[tuple[str, str]]:
    return frozenset([(key.name.shape, key.value.shape) for key in keys])
