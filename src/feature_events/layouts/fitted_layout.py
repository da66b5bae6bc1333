"""Fit layouts to a table: whatever its name and its key attributes decide is computed once, not for each record."""

import re
from collections.abc import Callable, Collection, Iterator
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from feature_events.epoch import Unit
from feature_events.errors import PoisonRecord
from feature_events.layouts.pattern import Captures, Pattern
from feature_events.layouts.table_layout import AttributeNames, JsonNames, MapNames, Path, TableLayout, TimePath
from feature_events.records.change import Item

_SIMPLE = [2, 3, 3]
"""The lengths of the paths to features, time and compute id in a simple layout."""


class SimpleLayout(NamedTuple):
    """A layout whose items can be read without matching patterns, as the names of their attributes.

    It applies to all items of its table. Entity id and resource name are the values of keys. Time and compute id are
    in the same map.
    """

    entity_type: str
    entity_key: str
    resource_key: str
    outer: str
    features: str
    other: str
    metadata: str
    updated_at: str
    compute_id: str


class FittedKey(NamedTuple):
    """A key attribute of the table."""

    name: str
    prefix: str
    """The text before the placeholder."""
    placeholder: str
    """The name of the placeholder that captures the rest of the value."""
    match: Callable[[str], re.Match[str] | None] | None
    """Matches the value if its pattern is more than a prefix and a placeholder, else None."""


class MetadataPath(NamedTuple):
    """A map with the time of the features, the compute id, or both."""

    path: Path
    """Empty for the item itself."""
    updated_at: str
    """The name of the time, or empty."""
    unit: Unit | None
    compute_id: str
    """The name of the compute id, or empty."""


class FittedLayout(NamedTuple):
    """A layout for one table."""

    layout: TableLayout
    keys: tuple[FittedKey, ...]
    captures: Captures
    """Captured from the names of the table and of its key attributes."""
    format_entity_type: Callable[[Captures], str]
    format_entity_id: Callable[[Captures], str]
    format_resource_name: Callable[[Captures], str]
    metadata: tuple[MetadataPath, ...]
    """In the order in which they are tried."""
    not_features: frozenset[str]
    """The attributes that are not features: keys, attributes that the layout excludes, and the first steps of paths."""

    def match(self, keys: Item) -> Captures | None:
        """Return the captures of all placeholders for an item, or None if its keys do not match.

        Raises:
            PoisonRecord: a key's value has a type that keys cannot have.

        """
        captures = dict(self.captures)
        for name, prefix, placeholder, match in self.keys:
            value = keys[name]
            text = value.get("S") if type(value) is dict else None
            if type(text) is not str or not text:
                text = _read_other_key(name, value)
            if match is not None:
                found = match(text)
                if found is None:
                    return None
                captures |= found.groupdict()
            elif not text.startswith(prefix) or text == prefix:
                return None
            else:
                captures[placeholder] = text.removeprefix(prefix)
        return captures


def fit_layout(layout: TableLayout, table: str, key_names: Collection[str]) -> FittedLayout | None:
    """Fit a layout to a table with this name and these key attributes; return None if it is for other tables."""
    captured = layout.table.match(table)
    if captured is None or len(layout.keys) != len(key_names):
        return None
    captures, keys, unmatched = dict(captured), [], set(key_names)
    for key in sorted(layout.keys, key=lambda key: not key.name.is_constant):  # a name with placeholders comes last
        name = key.name.text if key.name.is_constant else next(iter(unmatched))
        found = key.name.match(name)
        if name not in unmatched or found is None:
            return None
        unmatched.remove(name)
        keys.append(_fit_key(name, key.value))
        captures.update(found)
    return FittedLayout(
        layout,
        tuple(keys),
        captures,
        _make_formatter(layout.entity_type, captures),
        _make_formatter(layout.entity_id, captures),
        _make_formatter(layout.resource_name, captures),
        tuple(_find_metadata(layout)),
        _find_not_features(layout, key_names),
    )


def simplify_layout(fitted: FittedLayout) -> SimpleLayout | None:
    """Return the simple form of a layout, or None if it has none."""
    layout, fitted_keys, captures = fitted[:3]
    keys = {f"{{{key.placeholder}}}": key.name for key in fitted_keys if key.match is None and not key.prefix}
    entity_key, resource_key = keys.get(layout.entity_id.text), keys.get(layout.resource_name.text)
    features = layout.features.path if isinstance(layout.features, MapNames) else ()
    updated_at = layout.updated_at[0] if layout.updated_at else TimePath((), None)
    compute_id = layout.compute_id[0] if layout.compute_id else ()
    if (
        entity_key is None
        or resource_key is None
        or len(keys) < len(fitted_keys)
        or not captures.keys() >= set(layout.entity_type.placeholders)
        or updated_at.unit is not None
        or [len(features), len(updated_at.path), len(compute_id)] != _SIMPLE
        or updated_at.path[:2] != compute_id[:2]
    ):
        return None
    entity_type = layout.entity_type.format(captures)
    (outer, name), (other, metadata, time_name) = features, updated_at.path
    return SimpleLayout(entity_type, entity_key, resource_key, outer, name, other, metadata, time_name, compute_id[-1])


def _fit_key(name: str, value: Pattern) -> FittedKey:
    prefix, _, rest = value.text.partition("{")
    placeholder, _, suffix = rest.partition("}")
    is_simple = "{" in value.text and not suffix
    return FittedKey(name, prefix, placeholder, None if is_simple else value.regex.fullmatch)


def _make_formatter(text: Pattern, captures: Captures) -> Callable[[Captures], str]:
    """Return a function that formats a text with an item's captures; a constant if the table decides the text."""
    if captures.keys() >= set(text.placeholders):
        constant = text.format(captures)
        return lambda _: constant
    return itemgetter(*text.placeholders) if text.matches_all else text.format


def _find_metadata(layout: TableLayout) -> Iterator[MetadataPath]:
    """Yield the first path of each member, then the second, and so on; one entry if both lead to the same map."""
    for time, compute_id in zip_longest(layout.updated_at, layout.compute_id):
        if time and compute_id and time.path[:-1] == compute_id[:-1]:
            yield MetadataPath(time.path[:-1], time.path[-1], time.unit, compute_id[-1])
            continue
        if time:
            yield MetadataPath(time.path[:-1], time.path[-1], time.unit, "")
        if compute_id:
            yield MetadataPath(compute_id[:-1], "", None, compute_id[-1])


def _find_not_features(layout: TableLayout, key_names: Collection[str]) -> frozenset[str]:
    features = layout.features
    paths = [*[each.path for each in layout.updated_at], *layout.compute_id]
    if isinstance(features, MapNames | JsonNames):
        paths.append(features.path)
    excluded = features.excluded if isinstance(features, AttributeNames) else frozenset[str]()
    return excluded.union(key_names, [path[0] for path in paths])


def _read_other_key(name: str, value: Any) -> str:  # noqa: ANN401  # a record can contain any JSON
    """Return the value of a number key as it is written, or of a binary key as base64."""
    if type(value) is dict:
        text = value.get("N") or value.get("B")
        if type(text) is str:
            return text
    raise PoisonRecord(f"key attribute {name} is not a string, a number or binary")
