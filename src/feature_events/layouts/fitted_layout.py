"""Fits a layout to a table: what its name and its key attributes decide is found once, and not at each record."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from feature_events.epoch import Unit
from feature_events.errors import PoisonRecord
from feature_events.layouts.pattern import Pattern
from feature_events.layouts.table_layout import AttributeNames, JsonNames, MapNames, Path, TableLayout, TimePath
from feature_events.records.change import Item

type Holes = Mapping[str, str]
"""What the holes of a layout have caught, by name."""


_PLAIN = [2, 3, 3]
"""How long the paths are in an item of the commonest kind."""


class PlainItem(NamedTuple):
    """Where everything is in an item of the commonest kind: each part is text under a name that the layout has.

    The entity's id and the resource's name are the values of keys, and the time and the compute id stand in one map.
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
    """What its value begins with."""
    hole: str
    """What the rest of the value fills, where the value's pattern is this simple."""
    match: Callable[[str], re.Match[str] | None] | None
    """Otherwise what the value must be."""


class About(NamedTuple):
    """A map that tells when the features were written, by which job, or both."""

    path: Path
    """Empty for the item itself."""
    updated_at: str
    """The name of the time; empty where it is not here."""
    unit: Unit | None
    compute_id: str
    """The name of the compute id; empty where it is not here."""


class FittedLayout(NamedTuple):
    """A layout for one table."""

    layout: TableLayout
    keys: tuple[FittedKey, ...]
    caught: Holes
    """In the names of the table and of its key attributes."""
    to_entity_type: Callable[[Holes], str]
    to_entity_id: Callable[[Holes], str]
    to_resource_name: Callable[[Holes], str]
    about: tuple[About, ...]
    """In the order in which they are to be looked into."""
    not_features: frozenset[str]
    """The item's attributes that are known to be something else: its keys, and where the layout's paths begin."""

    def catch(self, keys: Item) -> Holes | None:
        """What all holes catch of a record; None where its keys are another kind of item's.

        Raises:
            PoisonRecord: a key's value is of no type that keys have.

        """
        holes = dict(self.caught)
        for name, prefix, hole, match in self.keys:
            value = keys[name]
            text = value.get("S") if type(value) is dict else None
            if type(text) is not str or not text:
                text = _to_text(name, value)
            if match is not None:
                found = match(text)
                if found is None:
                    return None
                holes |= found.groupdict()
            elif not text.startswith(prefix) or text == prefix:
                return None
            else:
                holes[hole] = text.removeprefix(prefix)
        return holes


def fit_layout(layout: TableLayout, table: str, key_names: Collection[str]) -> FittedLayout | None:
    """The layout for a table of this name with these key attributes; None where it is for others."""
    caught = layout.table.catch(table)
    if caught is None or len(layout.keys) != len(key_names):
        return None
    holes, keys, free = dict(caught), [], set(key_names)
    for key in sorted(layout.keys, key=lambda key: not key.name.is_plain):  # the name with holes takes what is left
        name = key.name.text if key.name.is_plain else next(iter(free))
        found = key.name.catch(name)
        if name not in free or found is None:
            return None
        free.remove(name)
        keys.append(_fit_key(name, key.value))
        holes.update(found)
    return FittedLayout(
        layout,
        tuple(keys),
        holes,
        _to_filling(layout.entity_type, holes),
        _to_filling(layout.entity_id, holes),
        _to_filling(layout.resource_name, holes),
        tuple(_find_about(layout)),
        _find_not_features(layout, key_names),
    )


def to_plain(fitted: FittedLayout) -> PlainItem | None:
    """Where everything is, if the layout takes all items of its table and all of them are of the commonest kind."""
    layout, fitted_keys, caught = fitted[:3]
    keys = {f"{{{key.hole}}}": key.name for key in fitted_keys if key.match is None and not key.prefix}
    entity_key, resource_key = keys.get(layout.entity_id.text), keys.get(layout.resource_name.text)
    features = layout.features.path if isinstance(layout.features, MapNames) else ()
    updated_at = layout.updated_at[0] if layout.updated_at else TimePath((), None)
    compute_id = layout.compute_id[0] if layout.compute_id else ()
    if (
        entity_key is None
        or resource_key is None
        or len(keys) < len(fitted_keys)
        or not caught.keys() >= set(layout.entity_type.holes)
        or updated_at.unit is not None
        or [len(features), len(updated_at.path), len(compute_id)] != _PLAIN
        or updated_at.path[:2] != compute_id[:2]
    ):
        return None
    entity_type = layout.entity_type.fill(caught)
    (outer, name), (other, metadata, time_name) = features, updated_at.path
    return PlainItem(entity_type, entity_key, resource_key, outer, name, other, metadata, time_name, compute_id[-1])


def _fit_key(name: str, value: Pattern) -> FittedKey:
    prefix, _, rest = value.text.partition("{")
    hole, _, behind = rest.partition("}")
    is_simple = "{" in value.text and not behind
    return FittedKey(name, prefix, hole, None if is_simple else value.form.fullmatch)


def _to_filling(text: Pattern, caught: Holes) -> Callable[[Holes], str]:
    """Fills a text with what a record's keys catch; what the table decides is filled already."""
    if caught.keys() >= set(text.holes):
        constant = text.fill(caught)
        return lambda _: constant
    return itemgetter(*text.holes) if text.takes_all else text.fill


def _find_about(layout: TableLayout) -> Iterator[About]:
    """Where to look: the first place of each, the second of each and so on, once where both are in the same map."""
    for time, compute_id in zip_longest(layout.updated_at, layout.compute_id):
        if time and compute_id and time.path[:-1] == compute_id[:-1]:
            yield About(time.path[:-1], time.path[-1], time.unit, compute_id[-1])
            continue
        if time:
            yield About(time.path[:-1], time.path[-1], time.unit, "")
        if compute_id:
            yield About(compute_id[:-1], "", None, compute_id[-1])


def _find_not_features(layout: TableLayout, key_names: Collection[str]) -> frozenset[str]:
    features = layout.features
    paths = [*[each.path for each in layout.updated_at], *layout.compute_id]
    if isinstance(features, MapNames | JsonNames):
        paths.append(features.path)
    without = features.without if isinstance(features, AttributeNames) else frozenset[str]()
    return without.union(key_names, [path[0] for path in paths])


def _to_text(name: str, value: Any) -> str:  # noqa: ANN401  # anything a record may hold
    """The value of a key attribute that is no text: N as written, B as the record's base64."""
    if type(value) is dict:
        text = value.get("N") or value.get("B")
        if type(text) is str:
            return text
    raise PoisonRecord(f"key attribute {name} is not a string, a number or binary")
