"""Reads each member of a layout from its JSON, or says what to write instead."""

from typing import Any, cast, get_args

from feature_events.epoch import Unit
from feature_events.layouts.pattern import InvalidLayout, Pattern, to_pattern
from feature_events.layouts.table_layout import (
    AttributeNames,
    Features,
    JsonNames,
    Key,
    MapNames,
    Path,
    TimePath,
    WrittenNames,
)

type Json = Any

_UNITS = get_args(Unit.__value__)
_MOST_KEYS = 2
_PATH = 'a path, such as "features.data", or a list of names where one has a dot'
_FEATURES = 'a path, {"except": [names]}, {"json": path} or a list of texts'


def to_text(value: Json) -> Pattern:
    """A text with holes."""
    if type(value) is not str:
        raise InvalidLayout('must be text, such as "USER#{entity_id}"')
    return to_pattern(value)


def to_filled(value: Json) -> Pattern:
    """A text whose holes are to be filled."""
    text = to_text(value)
    if "{}" in text.text:
        raise InvalidLayout(f"{text.text}: {{}} catches nothing that could stand here; name the hole")
    return text


def to_keys(value: Json) -> tuple[Key, ...]:
    """Key attributes, their names and values."""
    if type(value) is not dict or not 0 < len(value) <= _MOST_KEYS:
        raise InvalidLayout(
            'must be an object of the table\'s one or two key attributes, such as {"pk": "{entity_id}"}'
        )
    keys = []
    for name, text in value.items():
        try:
            keys.append(Key(to_text(name), to_text(text)))
        except InvalidLayout as invalid:
            raise InvalidLayout(f"{name}: {invalid}") from None
    if sum(not key.name.is_plain for key in keys) > 1:
        raise InvalidLayout("only one key attribute's name can have holes; write the other's")
    return tuple(keys)


def to_path(value: Json) -> Path:
    """Attribute names from the item inwards."""
    names = value.split(".") if type(value) is str else value
    if type(names) is not list or not names or not all(type(name) is str and name for name in names):
        raise InvalidLayout(f"must be {_PATH}")
    return tuple(names)


def to_time_paths(value: Json) -> tuple[TimePath, ...]:
    """One path, or several to be tried in order."""
    if value == []:
        raise InvalidLayout("must name a path, or be left out")
    return tuple([_to_time_path(each) for each in (value if type(value) is list else [value])])


def to_id_paths(value: Json) -> tuple[Path, ...]:
    """One path, or several to be tried in order, all of text."""
    paths = to_time_paths(value)
    if any(each.unit for each in paths):
        raise InvalidLayout("a unit is for times; write the path alone")
    return tuple([each.path for each in paths])


def to_features(value: Json) -> Features:
    """Where the features' names are."""
    if type(value) is str:
        return MapNames(to_path(value))
    if type(value) is list and value:
        return WrittenNames(tuple([to_filled(each) for each in value]))
    if type(value) is dict and len(value) == 1:
        [(form, inner)] = value.items()
        if form == "path":
            return MapNames(to_path(inner))
        if form == "json":
            return JsonNames(to_path(inner))
        if form == "except" and type(inner) is list and all(type(name) is str and name for name in inner):
            return AttributeNames(frozenset(inner))
    raise InvalidLayout(f"must be {_FEATURES}")


def _to_time_path(value: Json) -> TimePath:
    if type(value) is not dict:
        return TimePath(to_path(value), None)
    if not {"path"} <= value.keys() <= {"path", "unit"}:
        raise InvalidLayout('must be a path, or {"path": a path, "unit": "s", "ms" or "us"}')
    unit = value.get("unit")
    if "unit" in value and unit not in _UNITS:
        raise InvalidLayout('the unit must be "s", "ms" or "us"')
    return TimePath(to_path(value["path"]), cast("Unit | None", unit))
