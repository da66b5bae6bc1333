"""Reads which features an item has, by name, each with something to compare: its value as it is stored."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from feature_events.errors import PoisonRecord
from feature_events.layouts.table_layout import JsonNames, MapNames, Path, WrittenNames
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts
from feature_events.records.change import Change, Item
from feature_events.tables.comparison import are_equal

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


type Features = Mapping[str, Any]


def read_features(item: Item, chosen: ChosenLayout) -> Features | None:
    """The features of an item by name; None where it has none.

    A feature whose name is written in the layout has no value of its own: it is as new as all of its item is.

    Raises:
        PoisonRecord: the item is not as the layout says.

    """
    fitted, holes = chosen
    layout = fitted.layout.features
    if isinstance(layout, MapNames):
        return find_map(item, layout.path)
    if isinstance(layout, JsonNames):
        return _read_json(item, layout.path)
    others = fitted.not_features
    attributes = {name: value for name, value in item.items() if name not in others}
    if isinstance(layout, WrittenNames):
        return dict.fromkeys([text.fill(holes) for text in layout.texts], attributes)
    return attributes


def _read_json(item: Item, path: Path) -> Features | None:
    """The object in the text at this path."""
    within = find_map(item, path[:-1])
    value = None if within is None else within.get(path[-1])
    if is_absent(value):
        return None
    text = value.get("S") if type(value) is dict else None
    if type(text) is not str:
        raise PoisonRecord(f"{'.'.join(path)} is not text")
    try:
        found = _read_object(text)
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        raise PoisonRecord(f"{'.'.join(path)} is not a JSON object")
    # In a tuple each, as JSON is not DynamoDB's: a list under the name `SS` is no set, and its order counts
    return {name: (value,) for name, value in found.items()}


def _to_number(text: str) -> tuple[str]:
    """A number as it is written, as nothing else that JSON has."""
    return (text,)


_read_object = json.JSONDecoder(parse_int=_to_number, parse_float=_to_number, parse_constant=_to_number).decode
"""Made once, since making it takes longer than reading an object of a few features."""


class FeatureChanges(NamedTuple):
    """What a write did to an item's features, by their names."""

    changed: tuple[str, ...]
    """Those whose stored value is another one or that are new, in the item's order."""
    removed: tuple[str, ...]
    """Those that are gone, in the old item's order."""


def read_feature_changes(change: Change, features: tuple[str, ...], layouts: TableLayouts) -> FeatureChanges | None:
    """What this change did to its item's features; None where its record carries no old image.

    Args:
        change: it has an event.
        features: those that the event names, which are all that an inserted item has.
        layouts: what the item means.

    """
    if change.kind == "INSERT":
        return FeatureChanges(features, ())
    if change.old_image is None:
        return None
    chosen = cast("ChosenLayout", layouts.choose(change))  # it has an event
    new = read_features(change.new_image, chosen) or {}
    try:
        old = read_features(change.old_image, chosen) or {}
    except PoisonRecord:
        old = {}  # the item was not of this layout before
    return FeatureChanges(find_changed(new, old), tuple([name for name in old if name not in new]))


def find_changed(new: Features, old: Features) -> tuple[str, ...]:
    """Return the features whose stored value is not what the old item has.

    Nearly all values are written as before, so only one that is written differently is compared part by part.
    """
    return tuple(
        [
            name
            for name, value in new.items()
            if name not in old or (value != old[name] and not are_equal(value, old[name]))
        ]
    )
