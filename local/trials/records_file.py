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


def read_records(path: Path) -> list[Record]:
    """The records of this file, in their order.

    Raises:
        LocalError: the file holds something that is no JSON, or no record.
        OSError: it cannot be read.

    """
    text = path.read_bytes().decode(errors="replace")
    records = [record for value in _read_values(path, text) for record in _to_records(value)]
    if not records:
        raise LocalError(f"{path} has no records: write one in each line, or an event as in events/")
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
