"""Read an item's features: their names, each with its stored value for comparison."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from feature_events.errors import PoisonRecord
from feature_events.layouts.fitted_layout import FittedLayout
from feature_events.layouts.table_layout import FixedNames, JsonNames, MapNames, Path
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts, choose_layout, format_entity
from feature_events.records.change import Change, Item
from feature_events.tables.comparison import are_equal

_SERIALIZED_AS = {
    "S": "S", "N": "S", "B": "B", "BOOL": "BOOL", "NULL": "BOOL", "M": "M", "L": "L", "SS": "L", "NS": "L", "BS": "L",
}  # fmt: skip
"""The type that the value of each type has if it is serialized a second time."""

_REPLICATION = "aws:rep:"
"""The prefix of attributes that global tables of version 2017.11.29 add to each item.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/globaltables.V1.html
"""

type Features = Mapping[str, Any]
"""Features by name, each with something that can be compared."""


def find_map(item: Item, path: Path, *, repairs: bool = False) -> Item | None:
    """Return the map at this path, or None if a step of the path is absent or NULL.

    Args:
        item: the item.
        path: the path of the map.
        repairs: whether to return the original map if it was serialized twice.

    Raises:
        PoisonRecord: a step of the path is not a map.

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
    return _undo_second_serialization(here) if repairs and "M" in here else here


def is_absent(value: Any) -> bool:  # noqa: ANN401  # a record can contain any JSON
    """Return whether an attribute is absent or NULL."""
    return value is None or (type(value) is dict and "NULL" in value and len(value) == 1)


def _undo_second_serialization(attributes: Item) -> Item:
    """Return the original map if this one was serialized twice, else this one."""
    inner = attributes["M"].get("M") if type(attributes["M"]) is dict else None
    if len(attributes) > 1 or type(inner) is not dict:
        return attributes
    original = {name: _read_serialized(value) for name, value in inner.items()}
    return attributes if None in original.values() else cast("Item", original)


def _read_serialized(value: Any) -> Item | None:  # noqa: ANN401  # a record can contain any JSON
    """Return `{"N": "30"}` for `{"M": {"N": {"S": "30"}}}`, and None for anything else but a serialized attribute."""
    parts = value.get("M") if type(value) is dict else None
    if type(parts) is not dict or len(parts) != 1:
        return None
    [(kind, part)] = parts.items()
    if type(part) is not dict or list(part) != [_SERIALIZED_AS.get(kind)]:
        return None
    return {kind: part[_SERIALIZED_AS[kind]]}


def read_features(item: Item, chosen: ChosenLayout) -> Features | None:
    """Return the features of an item, or None if it has none.

    A feature with a fixed name has no value in the item. It changes if any other attribute changes.

    Raises:
        PoisonRecord: the item does not have the types that the layout requires.

    """
    fitted, _ = chosen
    source = fitted.layout.features
    if isinstance(source, MapNames):
        members, not_members = find_map(item, source.path, repairs=fitted.repairs), fitted.not_members
        if members is None or not not_members:
            return members
        return {name: value for name, value in members.items() if name not in not_members}
    if isinstance(source, JsonNames):
        return _read_json(item, source.path)
    attributes = _read_attributes(item, fitted)
    if isinstance(source, FixedNames):
        return dict.fromkeys(read_fixed_names(chosen), attributes)
    return attributes


def _read_attributes(item: Item, fitted: FittedLayout) -> Features:
    """Return the attributes of an item that can be features."""
    not_features, is_excluded = fitted.not_features, fitted.is_excluded
    attributes = {
        name: value for name, value in item.items() if name not in not_features and not name.startswith(_REPLICATION)
    }
    if is_excluded is None:
        return attributes
    return {name: value for name, value in attributes.items() if not is_excluded(name)}


def read_fixed_names(chosen: ChosenLayout) -> tuple[str, ...]:
    """Return the names of features that the layout writes, whatever the item contains; empty if it writes none."""
    fitted, captures = chosen
    source = fitted.layout.features
    names = source.names if isinstance(source, FixedNames) else ()
    return tuple(dict.fromkeys(name.format(captures) for name in names))


def _read_json(item: Item, path: Path) -> Features | None:
    """Return the members of the JSON object at this path."""
    within = find_map(item, path[:-1])
    value = None if within is None else within.get(path[-1])
    if is_absent(value):
        return None
    text = value.get("S") if type(value) is dict else None
    if type(text) is not str:
        raise PoisonRecord(f"{'.'.join(path)} is not a string")
    try:
        found = _decode(text)
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        raise PoisonRecord(f"{'.'.join(path)} is not a JSON object")
    # A tuple each, because JSON is not DynamoDB's: a list under the name `SS` is not a set, and its order counts
    return {name: (value,) for name, value in found.items()}


def _keep_number(text: str) -> tuple[str]:
    """Return a number as it is written, in a tuple, which equals no other JSON value."""
    return (text,)


_decode = json.JSONDecoder(parse_int=_keep_number, parse_float=_keep_number, parse_constant=_keep_number).decode
"""Made once, because making a decoder takes longer than decoding an object of a few features."""


class FeatureChanges(NamedTuple):
    """The names of the features that a change affected."""

    changed: tuple[str, ...]
    """New features and those with another stored value, in the item's order."""
    removed: tuple[str, ...]
    """In the order of the old item."""


def read_feature_changes(change: Change, features: tuple[str, ...], layouts: TableLayouts) -> FeatureChanges | None:
    """Return how a change affected the features, or None if the record does not show it.

    Args:
        change: a change that produces an event.
        features: the features in that event, which for an insert are all that the item has.
        layouts: the function's layouts.

    """
    if change.kind == "INSERT":
        return FeatureChanges(features, ())
    if change.old_image is None:
        return None
    fits = layouts.fit(change.source_arn, tuple(change.keys)).layouts
    chosen = None if change.kind == "REMOVE" else choose_layout(fits, change.keys, change.new_image)
    new = (chosen and read_features(change.new_image, chosen)) or {}
    try:
        old = read_former_features(change, fits, chosen if new else None)
    except PoisonRecord:
        if not new:
            return None  # an earlier event may have announced any features
        old = {}  # the old item did not have this layout
    return FeatureChanges(find_changed(new, old), tuple([name for name in old if name not in new]))


def read_former_features(change: Change, fits: Sequence[FittedLayout], chosen: ChosenLayout | None) -> Features:
    """Return the features in the old image; empty if they were those of another entity or resource.

    Args:
        change: a change with an old image.
        fits: the layouts of its table.
        chosen: the layout of the new image; None if it has no features, so that the entity is that of the old image.

    Raises:
        PoisonRecord: the old image does not have the types that its layout requires.

    """
    old = cast("Item", change.old_image)
    former = chosen
    if chosen is None or any(each.attributes for each in fits):  # otherwise, the keys alone decide
        former = choose_layout(fits, change.keys, old)
        if former is None or (chosen is not None and format_entity(former) != format_entity(chosen)):
            return {}
    return read_features(old, cast("ChosenLayout", former)) or {}


def find_changed(new: Features, old: Features) -> tuple[str, ...]:
    """Return the new features and those whose stored value differs from before.

    Nearly all values are equal as written. Only the others are compared part by part.
    """
    return tuple(
        [
            name
            for name, value in new.items()
            if name not in old or (value != old[name] and not are_equal(value, old[name]))
        ]
    )
