"""Reads TABLE_LAYOUTS: the JSON list of layouts itself, or the names of files that hold such lists.

Whoever writes a layout should have to correct it once, so all mistakes of all layouts are found together.
"""

from collections.abc import Iterator
from pathlib import Path as File

from feature_events.json_text import InvalidJson, parse_json
from feature_events.layout_language.layout_reader import read_layout
from feature_events.layout_language.members import Json
from feature_events.layout_language.table_layout import TableLayout
from feature_events.setting_values import InvalidValue

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
