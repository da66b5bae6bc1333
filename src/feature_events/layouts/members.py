"""Parse the members of a layout from JSON."""

import json
from collections.abc import Iterator
from typing import Any, cast, get_args

from feature_events.epoch import Unit
from feature_events.layouts.pattern import Pattern, parse_pattern
from feature_events.layouts.table_layout import (
    Attribute,
    AttributeNames,
    FeatureNames,
    FixedNames,
    JsonNames,
    Key,
    MapNames,
    Path,
    TimePath,
    TimeText,
)
from feature_events.syntax import InvalidValue

type Json = Any

_UNITS = get_args(Unit.__value__)
_MAX_KEYS = 2
_PATH = 'must be a path, such as "features.data", or a list of names if a name contains a dot'
_TIME = 'must be a path, or {"path": path, "unit": "s", "ms" or "us"}; write "text" for "path" to use captured text'
_FEATURES = 'must be a path, {"except": [names]}, {"json": path} or {"names": [texts], "except": [names]}'


def parse_text(value: Json) -> Pattern:
    """Parse a text with placeholders, which matches or builds text."""
    if type(value) in (bool, int, float):
        raise InvalidValue(f'must be text; write "{json.dumps(value)}"')
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


def parse_attributes(value: Json) -> tuple[Attribute, ...]:
    """Parse the names and values of attributes that are not keys."""
    if type(value) is not dict or not value:
        raise InvalidValue('must be an object with names and values, such as {"type": "user"}; omit it to ignore them')
    return tuple([_parse_attribute(name, text) for name, text in value.items()])


def _parse_attribute(name: str, text: Json) -> Attribute:
    try:
        is_constant, value = parse_text(name).is_constant, parse_text(text)
    except InvalidValue as invalid:
        raise InvalidValue(f"{name}: {invalid}") from None
    if not is_constant:
        raise InvalidValue(f"{name}: the name of an attribute cannot have placeholders; write it in full")
    return Attribute(name, value)


def parse_path(value: Json) -> Path:
    """Parse the path to an attribute."""
    names = value.split(".") if type(value) is str else value
    if type(names) is not list or not names or not all(type(name) is str and name for name in names):
        raise InvalidValue(_PATH)
    return tuple(names)


def parse_times(value: Json) -> tuple[TimePath | TimeText, ...]:
    """Parse one place of a time, or a list of them."""
    return tuple([_parse_time(each) for each in _to_list(value)])


def parse_id_paths(value: Json) -> tuple[Path, ...]:
    """Parse one path of a compute id, or a list of them."""
    return tuple([_parse_id_path(each) for each in _to_list(value)])


def parse_features(value: Json) -> FeatureNames:
    """Parse where the names of the features are."""
    if type(value) is str:
        if "{" in value:
            raise InvalidValue(f'a path has no placeholders; write {{"names": ["{value}"]}} for the name of a feature')
        return MapNames(parse_path(value))
    if type(value) is list:
        raise InvalidValue(
            'must be a path or an object: write {"names": [...]} for feature names, {"path": [...]} for a path or '
            '{"except": [...]} for all other attributes'
        )
    match value:
        case {"path": path, **others} if not others:
            return MapNames(parse_path(path))
        case {"json": path, **others} if not others:
            return JsonNames(parse_path(path))
        case {"path": _, "except": _} | {"json": _, "except": _}:
            raise InvalidValue("members of a map or of JSON text cannot be excluded; omit except")
        case {"except": [*excluded], **others} if not others:
            return AttributeNames(tuple(_parse_excluded(excluded)))
        case {"names": [_, *_] as names, "except": [*excluded], **others} if not others:
            return FixedNames(tuple([parse_template(each) for each in names]), tuple(_parse_excluded(excluded)))
        case {"names": [_, *_] as names, **others} if not others:
            return FixedNames(tuple([parse_template(each) for each in names]))
    raise InvalidValue(_FEATURES)


def _parse_excluded(names: list[Json]) -> Iterator[Pattern]:
    """Parse the names in `except`, in which `{}` is a wildcard."""
    for name in names:
        excluded = parse_text(name)
        if excluded.placeholders:
            raise InvalidValue(f"{name} in except: nothing is captured here; write {{}} as a wildcard")
        if excluded.matches_all:
            raise InvalidValue("{} in except excludes every attribute; add the text that the names have in common")
        yield excluded


def _to_list(value: Json) -> list[Json]:
    """Return a list of places, also for one place alone."""
    if value == []:
        raise InvalidValue("must contain a path; omit the member if the items have no such value")
    return value if type(value) is list else [value]


def _parse_time(value: Json) -> TimePath | TimeText:
    if type(value) is not dict:
        return TimePath(_parse_time_path(value), None)
    unit = value.get("unit")
    if value.keys() not in ({"path"}, {"path", "unit"}, {"text"}, {"text", "unit"}):
        raise InvalidValue(_TIME)
    if "unit" in value and unit not in _UNITS:
        raise InvalidValue('unit must be "s", "ms" or "us"')
    if "text" in value:
        return TimeText(parse_template(value["text"]), cast("Unit | None", unit))
    return TimePath(_parse_time_path(value["path"]), cast("Unit | None", unit))


def _parse_time_path(value: Json) -> Path:
    if type(value) is str and "{" in value:
        raise InvalidValue(f'a path has no placeholders; write {{"text": "{value}"}} for a time in captured text')
    return parse_path(value)


def _parse_id_path(value: Json) -> Path:
    if type(value) is dict and "unit" in value:
        raise InvalidValue("only a time has a unit; write the path alone")
    if type(value) is str and "{" in value:
        raise InvalidValue("a path has no placeholders; omit the member and capture {compute_id}")
    is_object = type(value) is dict and value.keys() == {"path"}
    return parse_path(value["path"] if is_object else value)
