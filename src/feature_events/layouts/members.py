"""Parse the members of a layout from JSON."""

from typing import Any, cast, get_args

from feature_events.epoch import Unit
from feature_events.layouts.pattern import Pattern, parse_pattern
from feature_events.layouts.table_layout import (
    AttributeNames,
    FeatureNames,
    FixedNames,
    JsonNames,
    Key,
    MapNames,
    Path,
    TimePath,
)
from feature_events.syntax import InvalidValue

type Json = Any

_UNITS = get_args(Unit.__value__)
_MAX_KEYS = 2
_PATH = 'must be a path, such as "features.data", or a list of names if a name contains a dot'


def parse_text(value: Json) -> Pattern:
    """Parse a text with placeholders, which matches or builds text."""
    if type(value) is not str:
        raise InvalidValue('must be text, such as "USER#{entity_id}"')
    return parse_pattern(value)


def parse_template(value: Json) -> Pattern:
    """Parse a text with placeholders that only builds text."""
    text = parse_text(value)
    if "{}" in text.text:
        raise InvalidValue(f"{text.text}: {{}} captures nothing; write the name of a placeholder")
    return text


def parse_keys(value: Json) -> tuple[Key, ...]:
    """Parse the names and values of the key attributes."""
    if type(value) is not dict or not 0 < len(value) <= _MAX_KEYS:
        raise InvalidValue(
            'must be an object with the table\'s one or two key attributes, such as {"pk": "{entity_id}"}'
        )
    keys = []
    for name, text in value.items():
        try:
            keys.append(Key(parse_text(name), parse_text(text)))
        except InvalidValue as invalid:
            raise InvalidValue(f"{name}: {invalid}") from None
    if sum(not key.name.is_constant for key in keys) > 1:
        raise InvalidValue("only one key attribute's name can have placeholders; write the other name in full")
    return tuple(keys)


def parse_path(value: Json) -> Path:
    """Parse the path to an attribute."""
    names = value.split(".") if type(value) is str else value
    if type(names) is not list or not names or not all(type(name) is str and name for name in names):
        raise InvalidValue(_PATH)
    return tuple(names)


def parse_time_paths(value: Json) -> tuple[TimePath, ...]:
    """Parse one path of a time, or a list of them."""
    if value == []:
        raise InvalidValue("must contain a path; omit the member if the items have no such value")
    return tuple([_parse_time_path(each) for each in (value if type(value) is list else [value])])


def parse_id_paths(value: Json) -> tuple[Path, ...]:
    """Parse one path of a compute id, or a list of them."""
    paths = parse_time_paths(value)
    if any(each.unit for each in paths):
        raise InvalidValue("only a time has a unit; write the path alone")
    return tuple([each.path for each in paths])


def parse_features(value: Json) -> FeatureNames:
    """Parse where the names of the features are."""
    if type(value) is str:
        return MapNames(parse_path(value))
    if type(value) is list and value:
        return FixedNames(tuple([parse_template(each) for each in value]))
    if type(value) is dict and len(value) == 1:
        [(form, inner)] = value.items()
        if form == "path":
            return MapNames(parse_path(inner))
        if form == "json":
            return JsonNames(parse_path(inner))
        if form == "except" and type(inner) is list and all(type(name) is str and name for name in inner):
            return AttributeNames(frozenset(inner))
    raise InvalidValue('must be a path, {"except": [names]}, {"json": path} or a list of texts')


def _parse_time_path(value: Json) -> TimePath:
    if type(value) is not dict:
        return TimePath(parse_path(value), None)
    if not {"path"} <= value.keys() <= {"path", "unit"}:
        raise InvalidValue('must be a path, or {"path": path, "unit": "s", "ms" or "us"}')
    unit = value.get("unit")
    if "unit" in value and unit not in _UNITS:
        raise InvalidValue('unit must be "s", "ms" or "us"')
    return TimePath(parse_path(value["path"]), cast("Unit | None", unit))
