"""Parse TABLE_LAYOUTS: a JSON list of layouts, or the names of files with such lists.

All mistakes in all layouts are reported together, so an author can correct them in one step.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path as File
from typing import cast

from feature_events.layouts.members import (
    Json,
    parse_attributes,
    parse_features,
    parse_id_paths,
    parse_keys,
    parse_template,
    parse_text,
    parse_times,
)
from feature_events.layouts.pattern import Pattern, parse_pattern
from feature_events.layouts.table_layout import (
    Attribute,
    FeatureNames,
    FixedNames,
    Key,
    MapNames,
    Path,
    TableLayout,
    TimePath,
    TimeText,
)
from feature_events.syntax import InvalidJson, InvalidValue, parse_json

SHIPPED = File(__file__).parent / "table_layouts"
"""The directory of the layout files that are deployed with the function."""

DEFAULT = "default"
"""The name of the file that is used if TABLE_LAYOUTS is empty."""

_BOM = "\ufeff"
"""The byte order mark, with which some editors begin a file."""

_MEMBERS = TableLayout._fields
_TEXTS = ("entity_type", "entity_id", "resource_name")


def parse_table_layouts(text: str) -> tuple[TableLayout, ...]:
    """Parse the setting's layouts, in their order.

    Raises:
        InvalidValue: with one text for each mistake.

    """
    layouts: dict[str, TableLayout] = {}
    mistakes: list[str] = []
    for place, value in _find_layouts(text):
        layout, found = _parse_layout(place, value)
        mistakes += found
        if not found:
            earlier = next((other for other, each in layouts.items() if each.hides(layout)), None)
            if earlier is not None:
                mistakes.append(f"{place}: {_explain_hidden(layout, earlier)}")
            layouts[place] = layout
    if mistakes:
        raise InvalidValue(*mistakes)
    return tuple(layouts.values())


def _explain_hidden(layout: TableLayout, earlier: str) -> str:
    same, remedy = f"same table and keys as {earlier}", "so it would never be used; remove one"
    if not layout.attributes:
        return f"{same}, {remedy}"
    return f"{same}, which applies to all items with these attributes, {remedy}, or write the specific layout first"


def _find_layouts(text: str) -> Iterator[tuple[str, Json]]:
    """Yield each layout in the setting or in its files: its place, for messages, and its JSON."""
    text = text.removeprefix(_BOM)
    if text.startswith(("[", "{")):
        for number, value in enumerate(_parse_list(text), 1):
            yield f"layout {number}", value
        return
    files = {file.stem: file for file in sorted(SHIPPED.glob("*.json"))}
    for position, name in enumerate(text.split(","), 1):
        file = files.get(name.strip().removesuffix(".json"))
        if file is None:
            raise InvalidValue(
                f"must be a JSON list of layouts, or file names separated by commas: file {position} not found; "
                f"available: {', '.join(files)}"
            )
        for number, value in enumerate(_parse_list(file.read_text().removeprefix(_BOM), f"{file.name}: "), 1):
            yield f"{file.name}, layout {number}", value


def _parse_list(text: str, place: str = "") -> list[Json]:
    try:
        values = parse_json(text, unique_names=True)
    except InvalidJson as invalid:
        raise InvalidValue(f"{place}must be a JSON list of layouts: {invalid}") from None
    if type(values) is not list or not values:
        remedy = "; put [ ] around it" if type(values) is dict else ""
        raise InvalidValue(f"{place}must be a JSON list of one or more layouts{remedy}")
    return values


def _parse_layout(place: str, value: Json) -> tuple[TableLayout, list[str]]:
    """Parse one layout; return it and its mistakes. If there are any, the layout is not usable."""
    is_object = type(value) is dict
    parser = _LayoutParser(place, value if is_object else {})
    layout = parser.parse()
    return layout, parser.mistakes if is_object else [f"{place} must be an object with {', '.join(_MEMBERS)}"]


class _LayoutParser:
    """Parses the members of one layout and collects the mistakes."""

    def __init__(self, place: str, members: Mapping[str, Json]) -> None:
        self.mistakes: list[str] = []
        self._place = place
        self._members = members

    def parse(self) -> TableLayout:
        for name in self._members:
            if name not in _MEMBERS:
                self._report(name, f"unknown member; a layout has {', '.join(_MEMBERS)}")
        table = self._parse("table", parse_text, parse_pattern("{}"))
        keys: tuple[Key, ...] = self._parse("keys", parse_keys, (), is_required=True)
        attributes: tuple[Attribute, ...] = self._parse("attributes", parse_attributes, ())
        features = self._parse("features", parse_features, cast("FeatureNames", MapNames(())), is_required=True)
        updated_at: tuple[TimePath | TimeText, ...] = self._parse("updated_at", parse_times, ())
        compute_id: tuple[Path, ...] = self._parse("compute_id", parse_id_paths, ())
        texts = {name: self._parse_event_text(name) for name in _TEXTS}
        if keys and (attributes or "attributes" not in self._members):  # otherwise, the captures are unknown
            self._check_attributes(attributes, keys)
            captured = self._find_captured(table, keys, attributes)
            for name, text in texts.items():
                self._check_event_text(name, text, captured)
            for member, text in _find_texts(features, updated_at):
                self._check_placeholders(member, text.placeholders, captured)
            self._check_path_of_features(features, keys, attributes)
        entity_type, entity_id, resource_name = [text or parse_pattern("{}") for text in texts.values()]
        return TableLayout(
            table, keys, attributes, entity_type, entity_id, resource_name, features, updated_at, compute_id
        )

    def _parse[T](self, name: str, parse: Callable[[Json], T], default: T, *, is_required: bool = False) -> T:
        if name in self._members:
            try:
                return parse(self._members[name])
            except InvalidValue as invalid:
                self._report(name, str(invalid))
        elif is_required:
            self._report(name, "missing; every layout needs it")
        return default

    def _parse_event_text(self, name: str) -> Pattern | None:
        """Return the member, or the placeholder of this name if it is omitted; None if it is invalid."""
        default = None if name in self._members else parse_pattern(f"{{{name}}}")
        return self._parse(name, parse_template, default)

    def _check_attributes(self, attributes: Sequence[Attribute], keys: Sequence[Key]) -> None:
        for name, value in attributes:
            if name in [key.name.text for key in keys]:
                self._report("attributes", f'{name} is a key attribute; write "{value.text}" in keys')

    def _find_captured(self, table: Pattern, keys: Sequence[Key], attributes: Sequence[Attribute]) -> Collection[str]:
        """Return the names of the placeholders in the table's name, the keys and the attributes."""
        of_attributes = [name for attribute in attributes for name in attribute.value.placeholders]
        of_keys = [name for key in keys for name in (*key.name.placeholders, *key.value.placeholders)]
        captured = [*table.placeholders, *of_keys, *of_attributes]
        for name in sorted({name for name in captured if captured.count(name) > 1}):
            member = "attributes" if name in of_attributes else "keys"
            self._report(member, f"{{{name}}} is captured twice; rename one, or write {{}} to ignore its text")
        return dict.fromkeys(captured)

    def _check_event_text(self, name: str, text: Pattern | None, captured: Collection[str]) -> None:
        if name in self._members:
            self._check_placeholders(name, text.placeholders if text else (), captured)
        elif name not in captured:
            self._report(name, f"missing; add it, or capture {{{name}}} in table, keys or attributes")

    def _check_placeholders(self, member: str, names: Sequence[str], captured: Collection[str]) -> None:
        places = "table, keys and attributes" if "attributes" in self._members else "table and keys"
        for name in names:
            if name not in captured:
                others = ", ".join(f"{{{each}}}" for each in captured) or "nothing"
                self._report(member, f"{{{name}}} is not captured; {places} capture {others}")

    def _check_path_of_features(
        self, features: FeatureNames, keys: Sequence[Key], attributes: Sequence[Attribute]
    ) -> None:
        first = features.path[0] if isinstance(features, MapNames) and features.path else None
        if first in [key.name.text for key in keys]:
            self._report(
                "features", f"{first} is a key attribute, which cannot be a map; name the attribute with the map"
            )
        elif first in [name for name, _ in attributes]:
            self._report("features", f"{first} is text in attributes, not a map; name the attribute with the map")

    def _report(self, member: str, mistake: str) -> None:
        self.mistakes.append(f"{self._place}, {member}: {mistake}")


def _find_texts(features: FeatureNames, times: Sequence[TimePath | TimeText]) -> Iterator[tuple[str, Pattern]]:
    """Yield the texts with placeholders in `features` and `updated_at`, each with its member."""
    if isinstance(features, FixedNames):
        yield from [("features", text) for text in features.names]
    yield from [("updated_at", time.text) for time in times if isinstance(time, TimeText)]
