"""Explain results to a layout's author: why a record is skipped, and whether the event's time is plausible.

Unlike the function's messages, these repeat keys and other texts of the item. They are for a terminal, not for a log.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, NamedTuple

from feature_events.epoch import Unit, read_number, to_epoch_ms
from feature_events.layouts.features import find_map
from feature_events.layouts.mismatches import Mismatch, NoFeatures, find_mismatches, find_no_features
from feature_events.layouts.table_layout import MapNames, TableLayout, TimePath
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts
from feature_events.records.change import Change, Item, Skipped

_MOST_NAMES = 20
_MOST_MISMATCHES = 5

_EXAMPLE = "2025-10-10T12:01:00.123+00:00"

_LONG_BEFORE = timedelta(days=3653)
_SOON_AFTER = timedelta(hours=1)
_DAY = timedelta(days=1)

_LARGER_UNITS: dict[tuple[Unit, int], Unit] = {("ms", 1000): "s", ("us", 1000): "ms", ("us", 1_000_000): "s"}
"""By the unit of a layout and the factor by which its times are too small: the unit that the writer probably uses."""


class Remark(NamedTuple):
    """Something that a layout's author should know about a record."""

    kind: str
    """Remarks of the same kind are shown as one, with the text of the first."""
    text: str


def explain_skip(change: Change, skipped: Skipped, layouts: TableLayouts) -> Remark | None:
    """Return why the change of an item is skipped; None if the reason says it all."""
    fits = layouts.fit(change.source_arn, tuple(change.keys)).layouts
    item = change.old_image or {} if change.kind == "REMOVE" else change.new_image
    if skipped is Skipped.OTHER_ITEM:
        mismatches = find_mismatches(fits, change.keys, item)
        text = "; ".join(_describe_mismatches(mismatches, tuple(item), change.keys))
        return Remark("; ".join(map(str, mismatches)), f"other_item: {text}")
    chosen = layouts.choose(change)
    if skipped is Skipped.NO_FEATURES and chosen is not None:
        found = find_no_features(item, chosen)
        text = _describe_no_features(found, change.keys)
        if found.problem == "is missing" and isinstance(chosen[0].layout.features, MapNames):
            text += _explain_path(found.place)
        return Remark(str(found), f"no_features: {text} (layout {found.layout})")
    return None


def _describe_mismatches(mismatches: Sequence[Mismatch], has: Sequence[str], keys: Item) -> Iterator[str]:
    """Yield what the item has, each with what the layouts want instead."""
    shown = mismatches[:_MOST_MISMATCHES]
    for (name, problem, value), group in groupby(shown, lambda each: (each.attribute, each.problem, each.value)):
        wanted = ", ".join(f"layout {each.layout} wants {each.wanted}" for each in group)
        match problem:
            case "is missing":
                yield f"no attribute {name}; {wanted}; the item has {_list_names(has, keys)}"
            case "has another type":
                yield f"{name} is not a string, a number or a Boolean; {wanted}"
            case _:
                yield f"{name} is {value or 'empty'}; {wanted}"
    if len(mismatches) > len(shown):
        yield f"{len(mismatches) - len(shown)} more layouts do not match either"


def _describe_no_features(found: NoFeatures, keys: Item) -> str:
    outer, _, _ = found.place.rpartition(".")
    match found.problem:
        case "is missing":
            return f"no attribute {found.place}; {outer or 'the item'} has {_list_names(found.has, keys)}"
        case "is NULL" | "is empty":
            return f"{found.place} {found.problem}"
        case _:
            return f"no attribute of {found.place or 'the item'} is a feature; it has {', '.join(found.has)}"


def _explain_path(path: str) -> str:
    """Return the remedy for a path that is probably a list of features; empty for any other path."""
    is_list = "," in path or " " in path
    return '; a path names one map; for all attributes write {"except": []}' if is_list else ""


def _list_names(names: Sequence[str], keys: Item) -> str:
    """Return the names of attributes, without those of keys."""
    others = [name for name in names if name not in keys]
    more = [f"{len(others) - _MOST_NAMES} more"] if len(others) > _MOST_NAMES else []
    return ", ".join([*others[:_MOST_NAMES], *more]) or "no others"


def check_time(change: Change, chosen: ChosenLayout, updated_at: str) -> Remark | None:
    """Return whether an event's time is far from its change, or why the item's own time is not used.

    Args:
        change: the change.
        chosen: its layout.
        updated_at: the item's time; empty if it has no readable one.

    """
    fitted, _ = chosen
    if not updated_at:
        places = [each for each in fitted.layout.updated_at if isinstance(each, TimePath)]
        if not places:
            return None
        unread = [_explain_unread(change, each) for each in places]
        texts = "; ".join([each.text for each in unread])
        remedy = "" if any(each.kind.startswith("unit") for each in unread) else _explain_list(fitted.layout)
        text = f"no readable time: {texts}{remedy} (layout {fitted.number})"
        return Remark(f"layout {fitted.number}: {[each.kind for each in unread]}", text)
    if change.created_ms is None:
        return None
    behind = timedelta(milliseconds=change.created_ms - to_epoch_ms(updated_at))
    kind = f"time, layout {fitted.number}"
    if behind > _LONG_BEFORE:
        remedy = _find_larger_unit(change.created_ms, updated_at, fitted.layout)
        text = (
            f"the time {updated_at} is {behind.days // 365} years before the change; {remedy} (layout {fitted.number})"
        )
        return Remark(f"{kind}, before", text)
    if behind < -_SOON_AFTER:
        ahead = f"{-behind // _DAY} days" if -behind >= 2 * _DAY else f"{-behind // timedelta(hours=1)} h"
        remedy = "it may be a local time without its zone" if -behind < _DAY else "check updated_at and its unit"
        return Remark(
            f"{kind}, after", f"the time {updated_at} is {ahead} after the change; {remedy} (layout {fitted.number})"
        )
    return None


def _find_larger_unit(created_ms: int, updated_at: str, layout: TableLayout) -> str:
    """Return the remedy for a time that is too early: the unit that the writer probably uses."""
    units = {each.unit for each in layout.updated_at}
    for (unit, factor), larger in _LARGER_UNITS.items():
        if unit in units and _is_near(to_epoch_ms(updated_at) * factor, created_ms):
            return f'the number is probably in {larger}, not {unit}: write "unit": "{larger}"'
    return "check updated_at and its unit"


def _is_near(time_ms: int, created_ms: int) -> bool:
    return abs(time_ms - created_ms) < _LONG_BEFORE // timedelta(milliseconds=1)


def _explain_unread(change: Change, place: TimePath) -> Remark:
    """Return why the time at a path is not used."""
    within = find_map(change.new_image, place.path[:-1])
    value: Any = None if within is None else within.get(place.path[-1])
    path = ".".join(place.path)
    if not isinstance(value, dict):
        return Remark("missing", f"no attribute {path}")
    kind, inner = next(iter(value.items()), ("", ""))
    if kind not in ("S", "N"):
        return Remark("type", f"{path} is neither text nor a number")
    unit = _find_unit(str(inner), change.created_ms)
    expected = f"times in {place.unit}" if place.unit else "ISO-8601 text"
    remedy = f"write times as {_EXAMPLE}"
    if unit:
        remedy = f'it is probably in {unit}: write {{"path": "{path}", "unit": "{unit}"}}'
    return Remark(f"unit {unit}", f"{path} has values such as {inner}, which are not {expected}; {remedy}")


def _explain_list(layout: TableLayout) -> str:
    """Return the remedy for a list of names that was probably meant as one path; empty for any other `updated_at`."""
    names = [
        ".".join(each.path)
        for each in layout.updated_at
        if isinstance(each, TimePath) and len(each.path) == 1 and each.unit is None
    ]
    path = ".".join(names)
    is_list = len(names) == len(layout.updated_at) > 1 and path.split(".") == names
    return f'; if this is one path, write "{path}"' if is_list else ""


def _find_unit(text: str, created_ms: int | None) -> Unit | None:
    """Return the unit in which a number is a time near the change."""
    units: tuple[Unit, ...] = ("s", "ms", "us")
    for unit in units:
        time = read_number(text, unit)
        if time and created_ms is not None and _is_near(to_epoch_ms(time), created_ms):
            return unit
    return None
