"""Reads TABLE_LAYOUTS: the JSON list of layouts itself, or the names of files that hold such lists.

Whoever writes a layout should have to correct it once, so all mistakes of all layouts are found together.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path as File
from typing import cast

from feature_events.json_text import InvalidJson, parse_json
from feature_events.layouts.members import (
    Json,
    to_features,
    to_filled,
    to_id_paths,
    to_keys,
    to_text,
    to_time_paths,
)
from feature_events.layouts.pattern import InvalidLayout, Pattern, to_pattern
from feature_events.layouts.table_layout import (
    Features,
    Key,
    MapNames,
    Path,
    TableLayout,
    TimePath,
    WrittenNames,
)
from feature_events.settings.values import InvalidValue

_MEMBERS = ("table", "keys", "entity_type", "entity_id", "resource_name", "features", "updated_at", "compute_id")
_TEXTS = ("entity_type", "entity_id", "resource_name")


def read_layout(place: str, stored: Json) -> tuple[TableLayout, list[str]]:
    """One layout and what is wrong in it; where anything is, the layout is of no use.

    Args:
        place: where it is written, for the messages.
        stored: what is written there.

    """
    is_object = type(stored) is dict
    reader = _LayoutReader(place, stored if is_object else {})
    layout = reader.read()
    return layout, reader.mistakes if is_object else [f"{place} must be an object with {', '.join(_MEMBERS)}"]


class _LayoutReader:
    def __init__(self, place: str, stored: Mapping[str, Json]) -> None:
        self.mistakes: list[str] = []
        self._place = place
        self._stored = stored

    def read(self) -> TableLayout:
        """The layout."""
        for name in self._stored:
            if name not in _MEMBERS:
                self._complain(name, f"is no member of a layout; its members are {', '.join(_MEMBERS)}")
        table = self._read("table", to_text, to_pattern("{}"))
        keys: tuple[Key, ...] = self._read("keys", to_keys, (), is_needed=True)
        features = self._read("features", to_features, cast("Features", MapNames(())), is_needed=True)
        texts = {name: self._read_text(name) for name in _TEXTS}
        if keys:  # otherwise nothing can be said of what they catch
            caught = self._find_caught(table, keys)
            for name, text in texts.items():
                self._check_text(name, text, caught)
            self._check_features(features, caught, keys)
        entity_type, entity_id, resource_name = [text or to_pattern("{}") for text in texts.values()]
        updated_at: tuple[TimePath, ...] = self._read("updated_at", to_time_paths, ())
        compute_id: tuple[Path, ...] = self._read("compute_id", to_id_paths, ())
        return TableLayout(table, keys, entity_type, entity_id, resource_name, features, updated_at, compute_id)

    def _read[T](self, name: str, to_value: Callable[[Json], T], default: T, *, is_needed: bool = False) -> T:
        if name in self._stored:
            try:
                return to_value(self._stored[name])
            except InvalidLayout as invalid:
                self._complain(name, str(invalid))
        elif is_needed:
            self._complain(name, "is missing, and every layout needs it")
        return default

    def _read_text(self, name: str) -> Pattern | None:
        """What an event says under this name: what is written, or else the hole of this name; None if wrong."""
        hole = None if name in self._stored else to_pattern(f"{{{name}}}")
        return self._read(name, to_filled, hole)

    def _find_caught(self, table: Pattern, keys: Sequence[Key]) -> Collection[str]:
        """The holes that the table's name and the keys fill."""
        caught = [*table.holes]
        for key in keys:
            caught += [*key.name.holes, *key.value.holes]
        for hole in sorted({hole for hole in caught if caught.count(hole) > 1}):
            self._complain("keys", f"{{{hole}}} is caught twice; give one another name, or write {{}}")
        return dict.fromkeys(caught)

    def _check_text(self, name: str, text: Pattern | None, caught: Collection[str]) -> None:
        if name in self._stored:
            self._check_holes(name, text.holes if text else (), caught)
        elif name not in caught:
            self._complain(name, f"is missing; write it, or catch {{{name}}} in table or keys")

    def _check_holes(self, name: str, holes: Sequence[str], caught: Collection[str]) -> None:
        for hole in holes:
            if hole not in caught:
                there = f"only {', '.join(caught)}" if caught else "nothing is"
                self._complain(name, f"{{{hole}}} is not caught in table or keys, {there}")

    def _check_features(self, features: Features, caught: Collection[str], keys: Sequence[Key]) -> None:
        if isinstance(features, WrittenNames):
            for text in features.texts:
                self._check_holes("features", text.holes, caught)
        if isinstance(features, MapNames) and features.path[:1] in [(key.name.text,) for key in keys]:
            self._complain("features", f"{features.path[0]} is a key attribute and so no map; name another")

    def _complain(self, member: str, what: str) -> None:
        self.mistakes.append(f"{self._place}, {member}: {what}")


SHIPPED = File(__file__).parent / "table_layouts"
"""The files that are deployed with the function."""

DEFAULT = "default"
"""The name of the file for the tables of this project's own layout."""


def to_table_layouts(text: str) -> tuple[TableLayout, ...]:
    """The layouts of this setting, in their order.

    Raises:
        InvalidValue: with one text for each mistake.

    """
    layouts: dict[str, TableLayout] = {}
    mistakes: list[str] = []
    for place, stored in _find_layouts(text):
        layout, found = read_layout(place, stored)
        mistakes += found
        if not found:
            earlier = next((other for other, each in layouts.items() if each.shape == layout.shape), None)
            if earlier is not None:
                mistakes.append(f"{place}: {earlier} is for the same items and comes first; leave one out")
            layouts[place] = layout
    if mistakes:
        raise InvalidValue(*mistakes)
    return tuple(layouts.values())


def _find_layouts(text: str) -> Iterator[tuple[str, Json]]:
    """Each layout as it is written, and where that is."""
    if text.startswith(("[", "{")):
        for number, stored in enumerate(_to_list(text), 1):
            yield f"layout {number}", stored
        return
    files = {file.stem: file for file in sorted(SHIPPED.glob("*.json"))}
    for position, name in enumerate(text.split(","), 1):
        file = files.get(name.strip().removesuffix(".json"))
        if file is None:
            raise InvalidValue(
                f"must be a JSON list of layouts, or names of files with commas between: file {position} is not "
                f"there, only {', '.join(files)}"
            )
        for number, stored in enumerate(_to_list(file.read_text(), f"{file.name}: "), 1):
            yield f"{file.name}, layout {number}", stored


def _to_list(text: str, place: str = "") -> list[Json]:
    try:
        stored = parse_json(text, unique_names=True)
    except InvalidJson as invalid:
        raise InvalidValue(f"{place}must be a JSON list of layouts: {invalid}") from None
    if type(stored) is not list or not stored:
        raise InvalidValue(f"{place}must be a JSON list of one layout or more")
    return stored
