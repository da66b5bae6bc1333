"""Read stream records from a file with one record per line, or with an event like those in `events/`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.errors import LocalError

type Record = Any
"""A stream record as Lambda passes it to the function, or any other JSON in its place."""

_RECORD_MEMBERS = ("eventName", "dynamodb", "eventSourceARN")


def read_records(path: Path) -> list[Record]:
    """Return the records in a file, in their order.

    Raises:
        LocalError: the file contains invalid JSON, no records, or a plain item instead of a record.
        OSError: the file cannot be read.

    """
    text = path.read_bytes().decode(errors="replace")
    records = [record for value in _read_values(path, text) for record in _find_records(value)]
    if not records:
        raise LocalError(f"{path} contains no records: write one per line, or an event like those in events/")
    for number, record in enumerate(records, 1):
        _refuse_item(path, number, record)
    return records


def _read_values(path: Path, text: str) -> list[Any]:
    """Return the file's one JSON value, or the value of each line."""
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
            f"{path}, line {number}: invalid JSON ({error}); write one record per line, or a file with one event like "
            "those in events/"
        ) from error


def _find_records(value: Any) -> Sequence[Record]:  # noqa: ANN401  # any JSON
    records = value.get("Records") if isinstance(value, dict) else None
    return records if isinstance(records, list) else [value]


def _refuse_item(path: Path, number: int, record: Record) -> None:
    """Refuse a plain item: only records distinguish keys from other attributes."""
    if isinstance(record, dict) and record and record.keys().isdisjoint(_RECORD_MEMBERS):
        raise LocalError(
            f"{path}, record {number} is a plain item, not a stream record: RECORDS needs stream records (eventName, "
            "dynamodb and eventSourceARN), such as those in events/; to try items of a table, use TABLE=NAME instead"
        )
