"""Read the time of an item's features, and the id of the job that computed them."""

from typing import Any

from feature_events.epoch import Unit, read_iso, read_number
from feature_events.errors import PoisonRecord
from feature_events.layouts.features import find_map, is_absent
from feature_events.layouts.table_layouts import ChosenLayout
from feature_events.records.change import Item


def read_metadata(item: Item, chosen: ChosenLayout) -> tuple[str, str]:
    """Return the first readable time, in ISO-8601, and the first compute id; each is empty if there is none.

    Raises:
        PoisonRecord: a step of a path is not a map, or the compute id is neither a string nor a number.

    """
    fitted, captures = chosen
    updated_at, compute_id = "", None
    for path, time_name, unit, compute_name, format_time in fitted.metadata:
        if format_time is not None:
            updated_at = updated_at or _read_text(format_time(captures), unit)
            continue
        wants_time, wants_id = time_name and not updated_at, compute_name and compute_id is None
        within = find_map(item, path, repairs=fitted.repairs) if wants_time or wants_id else None
        if within is None:
            continue
        if wants_time:
            updated_at = _read_time(within.get(time_name), unit)
        if wants_id:
            compute_id = _read_compute_id(within.get(compute_name))
    return updated_at, captures.get("compute_id", "") if compute_id is None else compute_id


def _read_time(value: Any, unit: Unit | None) -> str:  # noqa: ANN401  # a record can contain any JSON
    """Return a time in ISO-8601; empty if it is absent or unreadable."""
    if type(value) is not dict:
        return ""
    text = value["N"] if unit and "N" in value else value.get("S")
    return _read_text(text, unit) if type(text) is str else ""


def _read_text(text: str, unit: Unit | None) -> str:
    """Return a time in ISO-8601; empty if it is unreadable. Text with a unit may be ISO-8601, too."""
    return (read_number(text, unit) if unit else "") or read_iso(text)


def _read_compute_id(value: Any) -> str | None:  # noqa: ANN401  # a record can contain any JSON
    """Return a compute id as stored; empty for the text `None` of older writers, None if absent."""
    text = (value.get("S") if "S" in value else value.get("N")) if type(value) is dict else None
    if type(text) is str:
        return "" if text == "None" else text
    if is_absent(value):
        return None
    raise PoisonRecord("compute_id is neither a string, a number nor NULL")
