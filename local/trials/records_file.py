"""Reads stream records from a file: one in each line, or an event as in `events/`.

Whoever writes a layout has records from somewhere, and should not have to bring them into another form first.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.errors import LocalError

type Record = Any
"""A stream record as Lambda hands it over, or whatever stands in its place."""

_OF_A_RECORD = ("eventName", "dynamodb", "eventSourceARN")


def read_records(path: Path) -> list[Record]:
    """The records of this file, in their order.

    Raises:
        LocalError: the file contains something that is not JSON, no record, or an item that is not in a record.
        OSError: it cannot be read.

    """
    text = path.read_bytes().decode(errors="replace")
    records = [record for value in _read_values(path, text) for record in _to_records(value)]
    if not records:
        raise LocalError(f"{path} has no records: write one in each line, or an event as in events/")
    for number, record in enumerate(records, 1):
        _refuse_item(path, number, record)
    return records


def _read_values(path: Path, text: str) -> list[Any]:
    """The one JSON value that the file is, or else those of its lines."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        return [_read_line(path, number, line) for number, line in lines]


def _read_line(path: Path, number: int, line: str) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LocalError(
            f"{path}, line {number} is not JSON ({error}): a record stands in one line, or the whole file is an event "
            "as in events/"
        ) from error


def _to_records(value: Any) -> Sequence[Record]:  # noqa: ANN401  # any JSON
    records = value.get("Records") if isinstance(value, dict) else None
    return records if isinstance(records, list) else [value]


def _refuse_item(path: Path, number: int, record: Record) -> None:
    """Raise if this is an item; its table's keys, which decide the layout, are only in a record."""
    if isinstance(record, dict) and record and record.keys().isdisjoint(_OF_A_RECORD):
        raise LocalError(
            f"{path}, record {number} is a plain item, not a stream record: RECORDS needs stream records (eventName, "
            "dynamodb and eventSourceARN), such as those in events/; to try items of a table, use TABLE=NAME instead"
        )
