"""Reads which features an item has, by name, each with something to compare: its value as it is stored."""

import json
from collections.abc import Mapping
from typing import Any

from feature_events.errors import PoisonRecord
from feature_events.layout_language.table_layout import JsonNames, MapNames, Path, WrittenNames
from feature_events.layouts.item_path import find_map, is_absent
from feature_events.layouts.table_layouts import ChosenLayout
from feature_events.records.change import Item

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
