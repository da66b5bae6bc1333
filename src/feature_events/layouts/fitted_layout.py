"""Fit layouts to a table: whatever its name and its key attributes decide is computed once, not for each record."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from feature_events.epoch import Unit
from feature_events.errors import PoisonRecord
from feature_events.layouts.pattern import Captures, Pattern
from feature_events.layouts.table_layout import (
    AttributeNames,
    FeatureNames,
    FixedNames,
    JsonNames,
    MapNames,
    Path,
    TableLayout,
    TimePath,
)
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


class FittedText(NamedTuple):
    """The text in an attribute, with placeholders."""

    name: str
    """The name of the attribute."""
    prefix: str
    """The text before the placeholder."""
    placeholder: str
    """The name of the placeholder that captures the rest of the value."""
    match: Callable[[str], re.Match[str] | None] | None
    """Matches the value if its pattern is more than a prefix and a placeholder, else None."""


class MetadataPath(NamedTuple):
    """A place of the time, the compute id, or both: a map, or captured text."""

    path: Path
    """The path of the map. Empty for the item itself."""
    updated_at: str
    """The name of the time in the map, or empty."""
    unit: Unit | None
    compute_id: str
    """The name of the compute id in the map, or empty."""
    format_time: Callable[[Captures], str] | None = None
    """Formats the time from captures, if it is not in a map."""


class FittedLayout(NamedTuple):
    """A layout for one table."""

    layout: TableLayout
    number: int
    """The position among the function's layouts, counted from 1."""
    keys: tuple[FittedText, ...]
    attributes: tuple[FittedText, ...]
    captures: Captures
    """Captured from the names of the table and of its key attributes."""
    format_entity_type: Callable[[Captures], str]
    format_entity_id: Callable[[Captures], str]
    format_resource_name: Callable[[Captures], str]
    metadata: tuple[MetadataPath, ...]
    """In the order in which they are tried."""
    not_features: frozenset[str]
    """Attributes that are neither features nor compared: those that the layout uses otherwise, and excluded ones."""
    is_excluded: Callable[[str], object] | None
    """Matches the names of other attributes that are not features, if the layout excludes any by a wildcard."""
    not_members: frozenset[str]
    """The members of the features' map that are not features."""
    repairs: bool
    """True for the layout of this project's own tables, of which some maps were serialized twice."""

    def match_keys(self, keys: Item) -> dict[str, str] | None:
        """Return what the placeholders in table and keys capture, or None if the keys do not match.

        Raises:
            PoisonRecord: a key's value has a type that keys cannot have.

        """
        captures = dict(self.captures)
        for key in self.keys:
            value = keys[key.name]
            text = value.get("S") if type(value) is dict else None
            if type(text) is not str or not text:
                text = _read_other_key(key.name, value)
            if not _capture(key, text, captures):
                return None
        return captures

    def match_attributes(self, item: Item, captures: dict[str, str]) -> bool:
        """Return whether the item has the layout's attributes, and add what their placeholders capture."""
        for attribute in self.attributes:
            text = _read_attribute(item.get(attribute.name))
            if not text or not _capture(attribute, text, captures):
                return False
        return True


def _capture(fitted: FittedText, text: str, captures: dict[str, str]) -> bool:
    """Return whether a text matches, and add what its placeholders capture."""
    if fitted.match is not None:
        found = fitted.match(text)
        if found is not None:
            captures |= found.groupdict()
        return found is not None
    if not text.startswith(fitted.prefix) or text == fitted.prefix:
        return False
    captures[fitted.placeholder] = text.removeprefix(fitted.prefix)
    return True


def _read_attribute(value: Any) -> str:  # noqa: ANN401  # a record can contain any JSON
    """Return a string, a number as it is written, or a Boolean as JSON; empty for anything else."""
    if type(value) is not dict or len(value) != 1:
        return ""
    [(kind, inner)] = value.items()
    if kind == "BOOL" and type(inner) is bool:
        return "true" if inner else "false"
    return inner if kind in ("S", "N") and type(inner) is str else ""


def fit_layout(layout: TableLayout, number: int, table: str, key_names: Collection[str]) -> FittedLayout | None:
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
        keys.append(_fit_text(name, key.value))
        captures.update(found)
    return FittedLayout(
        layout,
        number,
        tuple(keys),
        tuple([_fit_text(attribute.name, attribute.value) for attribute in layout.attributes]),
        captures,
        _make_formatter(layout.entity_type, captures),
        _make_formatter(layout.entity_id, captures),
        _make_formatter(layout.resource_name, captures),
        tuple(_find_metadata(layout, captures)),
        _find_not_features(layout, key_names),
        _match_wildcards(layout),
        _find_not_members(layout),
        layout.is_for_own_tables,
    )


def simplify_layout(fitted: FittedLayout) -> SimpleLayout | None:
    """Return the simple form of a layout, or None if it has none."""
    layout, fitted_keys, captures = fitted.layout, fitted.keys, fitted.captures
    keys = {f"{{{key.placeholder}}}": key.name for key in fitted_keys if key.match is None and not key.prefix}
    entity_key, resource_key = keys.get(layout.entity_id.text), keys.get(layout.resource_name.text)
    features = layout.features.path if isinstance(layout.features, MapNames) else ()
    updated_at = layout.updated_at[0] if layout.updated_at else None
    compute_id = layout.compute_id[0] if layout.compute_id else ()
    if (
        entity_key is None
        or resource_key is None
        or len(keys) < len(fitted_keys)
        or not captures.keys() >= set(layout.entity_type.placeholders)
        or layout.attributes
        or fitted.not_members
        or not isinstance(updated_at, TimePath)
        or updated_at.unit is not None
        or [len(features), len(updated_at.path), len(compute_id)] != _SIMPLE
        or updated_at.path[:2] != compute_id[:2]
    ):
        return None
    entity_type = layout.entity_type.format(captures)
    (outer, name), (other, metadata, time_name) = features, updated_at.path
    return SimpleLayout(entity_type, entity_key, resource_key, outer, name, other, metadata, time_name, compute_id[-1])


def _fit_text(name: str, value: Pattern) -> FittedText:
    prefix, _, rest = value.text.partition("{")
    placeholder, _, suffix = rest.partition("}")
    is_simple = "{" in value.text and not suffix
    return FittedText(name, prefix, placeholder, None if is_simple else value.regex.fullmatch)


def _make_formatter(text: Pattern, captures: Captures) -> Callable[[Captures], str]:
    """Return a function that formats a text with an item's captures; a constant if the table decides the text."""
    if captures.keys() >= set(text.placeholders):
        constant = text.format(captures)
        return lambda _: constant
    return itemgetter(*text.placeholders) if text.matches_all else text.format


def _find_metadata(layout: TableLayout, captures: Captures) -> Iterator[MetadataPath]:
    """Yield the first place of each member, then the second, and so on; one entry if both lead to the same map."""
    for time, compute_id in zip_longest(layout.updated_at, layout.compute_id):
        if isinstance(time, TimePath):
            *path, name = time.path
            is_same_map = compute_id and time.path[:-1] == compute_id[:-1]
            yield MetadataPath(tuple(path), name, time.unit, compute_id[-1] if is_same_map else "")
            if is_same_map:
                continue
        elif time:
            yield MetadataPath((), "", time.unit, "", _make_formatter(time.text, captures))
        if compute_id:
            yield MetadataPath(compute_id[:-1], "", None, compute_id[-1])
    values = [*[key.value for key in layout.keys], *[attribute.value for attribute in layout.attributes]]
    if "updated_at" in captures or any("updated_at" in value.placeholders for value in values):
        yield MetadataPath((), "", None, "", itemgetter("updated_at"))


def _find_paths(layout: TableLayout) -> list[Path]:
    """Return the paths of time and compute id."""
    return [*[each.path for each in layout.updated_at if isinstance(each, TimePath)], *layout.compute_id]


def _find_not_features(layout: TableLayout, key_names: Collection[str]) -> frozenset[str]:
    features, paths = layout.features, _find_paths(layout)
    if isinstance(features, MapNames | JsonNames):
        paths.append(features.path)
    excluded = [each.text for each in _find_excluded(layout) if each.is_constant]
    attributes = [each.name for each in layout.attributes if not _is_compared(each.value, features)]
    return frozenset([*excluded, *attributes, *key_names, *[path[0] for path in paths]])


def _is_compared(value: Pattern, features: FeatureNames) -> bool:
    """Return whether an attribute that the layout matches is compared: for written names, if it captures nothing."""
    return isinstance(features, FixedNames) and not value.is_constant and not value.placeholders


def _find_excluded(layout: TableLayout) -> Sequence[Pattern]:
    return layout.features.excluded if isinstance(layout.features, AttributeNames | FixedNames) else ()


def _match_wildcards(layout: TableLayout) -> Callable[[str], object] | None:
    regexes = [each.regex.pattern for each in _find_excluded(layout) if not each.is_constant]
    return re.compile("|".join(regexes), re.DOTALL).fullmatch if regexes else None


def _find_not_members(layout: TableLayout) -> frozenset[str]:
    if not isinstance(layout.features, MapNames):
        return frozenset()
    return frozenset([path[-1] for path in _find_paths(layout) if path[:-1] == layout.features.path])


def _read_other_key(name: str, value: Any) -> str:  # noqa: ANN401  # a record can contain any JSON
    """Return the value of a number key as it is written, or of a binary key as base64."""
    if type(value) is dict:
        text = value.get("N") or value.get("B")
        if type(text) is str:
            return text
    raise PoisonRecord(f"key attribute {name} is not a string, a number or binary")
