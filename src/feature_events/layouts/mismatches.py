"""Explain why an item is skipped: what each layout requires, and what the item has instead."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from feature_events.layouts.features import is_absent
from feature_events.layouts.fitted_layout import FittedLayout
from feature_events.layouts.table_layout import JsonNames, MapNames
from feature_events.layouts.table_layouts import ChosenLayout
from feature_events.records.change import Item

_KEY_TYPES = ("S", "N", "B")
_ATTRIBUTE_TYPES = ("S", "N", "BOOL")


type Problem = Literal["is missing", "is NULL", "is empty", "has only attributes that are not features"]
"""Why there are no features at a place."""


class Mismatch(NamedTuple):
    """The first attribute of an item that a layout does not match.

    The text of a Mismatch contains only the layout's names and texts, so that it can be logged.
    """

    layout: int
    """The layout's number, counted from 1."""
    attribute: str
    problem: Literal["is missing", "has another type", "does not match"]
    wanted: str
    """The layout's text with placeholders."""
    value: str
    """The item's value, which can be personal data; empty unless it does not match."""

    def __str__(self) -> str:
        """Return the problem without the item's value."""
        wanted = f" {self.wanted}" if self.problem == "does not match" else ""
        return f"layout {self.layout}: the attribute {self.attribute} {self.problem}{wanted}"


class NoFeatures(NamedTuple):
    """The place of an item's features, and its content without features.

    The text of NoFeatures contains only the layout's names, so that it can be logged.
    """

    layout: int
    """The layout's number, counted from 1."""
    place: str
    """The path up to the first step that has no features; empty if the features are the item's attributes."""
    problem: Problem
    has: tuple[str, ...]
    """The names in the innermost map that the item has, which can be personal data."""

    def __str__(self) -> str:
        """Return the problem without the item's names."""
        return f"layout {self.layout}: {f'the attribute {self.place}' if self.place else 'the item'} {self.problem}"


def find_mismatches(fits: Sequence[FittedLayout], keys: Item, item: Item) -> tuple[Mismatch, ...]:
    """Return the first mismatch of each of a table's layouts with an item that none of them describes."""
    return tuple(filter(None, [_find_mismatch(fitted, keys, item) for fitted in fits]))


def _find_mismatch(fitted: FittedLayout, keys: Item, item: Item) -> Mismatch | None:
    """Return the first attribute that a layout does not match; None if the layout describes the item."""
    key_texts = {key.name.text: key.value for key in fitted.layout.keys}
    with_placeholders = next((key.value for key in fitted.layout.keys if not key.name.is_constant), None)
    wanted = [(key.name, key_texts.get(key.name, with_placeholders), keys, _KEY_TYPES) for key in fitted.keys]
    wanted += [(name, text, item, _ATTRIBUTE_TYPES) for name, text in fitted.layout.attributes]
    for name, pattern, place, types in wanted:
        value = place.get(name)
        text = _read_text(value, types)
        if pattern is None or (text is not None and pattern.match(text) is not None):
            continue
        if text is not None:
            return Mismatch(fitted.number, name, "does not match", pattern.text, text)
        return Mismatch(fitted.number, name, "is missing" if value is None else "has another type", pattern.text, "")
    return None


def _read_text(value: Any, types: Sequence[str]) -> str | None:  # noqa: ANN401  # a record can contain any JSON
    """Return the text that a layout matches; None if the value has another type than these."""
    if type(value) is not dict or len(value) != 1:
        return None
    [(kind, inner)] = value.items()
    if type(inner) is bool:
        inner = "true" if inner else "false"
    return inner if kind in types and type(inner) is str else None


def find_no_features(item: Item, chosen: ChosenLayout) -> NoFeatures:
    """Return where the features of an item without features should be."""
    fitted, _ = chosen
    source = fitted.layout.features
    if not isinstance(source, MapNames | JsonNames):
        return NoFeatures(fitted.number, "", "has only attributes that are not features", tuple(item))
    here, has = item, tuple(item)
    for depth, name in enumerate(source.path, 1):
        place, value = ".".join(source.path[:depth]), here.get(name)
        if value is None:
            return NoFeatures(fitted.number, place, "is missing", has)
        if is_absent(value):
            return NoFeatures(fitted.number, place, "is NULL", has)
        inner = value.get("M")
        here = inner if type(inner) is dict else {}
        has = tuple(here)
    problem: Problem = "has only attributes that are not features" if here else "is empty"
    return NoFeatures(fitted.number, ".".join(source.path), problem, has)
