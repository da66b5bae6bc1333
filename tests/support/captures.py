"""Read the captures of real writers: the stream records of each store, and the events that its writer reports.

tests/writers creates both. Tests of layouts compare the events of the records with the report.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from local.paths import ROOT

CAPTURES = ROOT / "tests" / "writers" / "captures"

type Json = dict[str, Any]


class Capture(NamedTuple):
    """The writes of one store."""

    store: str
    writer: str
    """The writer's package and version, and the option that determines the item's form."""
    made: str
    """The calls that wrote the items."""
    records: list[Json]
    """The stream records in Lambda's form, in the order of the writes."""
    events: list[Json]
    """The expected event of each record, or the reason why it is `skipped`. An event has entity_type, entity_id,
    resource_name, features, timestamp and compute_id. A timestamp of None stands for the time of the record."""
    layouts: list[Json]
    """The table layouts that produce these events."""


def list_stores() -> list[str]:
    """Return the names of all stores with a capture."""
    return sorted(path.stem for path in CAPTURES.glob("*.jsonl"))


def read_capture(store: str) -> Capture:
    """Read the capture of one store."""
    account = json.loads(to_account_file(store).read_text())
    records = [json.loads(line) for line in to_records_file(store).read_text().splitlines()]
    return Capture(store, account["writer"], account["made"], records, account["events"], account["layout"])


def to_records_file(store: str) -> Path:
    """Return the file with a store's records, one per line."""
    return CAPTURES / f"{store}.jsonl"


def to_account_file(store: str) -> Path:
    """Return the file with a store's report."""
    return CAPTURES / f"{store}.account.json"
