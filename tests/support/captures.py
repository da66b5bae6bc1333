"""What real writers wrote: the stream records of each store, and the store's own account of them.

tests/writers makes both; tests of layouts hold the events of the records to the account.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from local.paths import ROOT

CAPTURES = ROOT / "tests" / "writers" / "captures"

type Json = dict[str, Any]


class Capture(NamedTuple):
    """One store's writes."""

    store: str
    writer: str
    """Its package and version, and the option that decides the item's form."""
    made: str
    """The call that wrote."""
    records: list[Json]
    """As Lambda hands them over, in the order of the writes."""
    events: list[Json]
    """What the writer says of each record: entity_type, entity_id, resource_name, features, timestamp and compute_id of
    its event, or the reason why it is `skipped`. A timestamp of None stands for the record's own time."""
    layouts: list[Json]
    """The table layouts under which its writes are these events."""


def list_stores() -> list[str]:
    """The names of all stores with a capture."""
    return sorted(path.stem for path in CAPTURES.glob("*.jsonl"))


def read_capture(store: str) -> Capture:
    """The capture of one store."""
    account = json.loads(to_account_file(store).read_text())
    records = [json.loads(line) for line in to_records_file(store).read_text().splitlines()]
    return Capture(store, account["writer"], account["made"], records, account["events"], account["layout"])


def to_records_file(store: str) -> Path:
    """The file of a store's records, one in a line."""
    return CAPTURES / f"{store}.jsonl"


def to_account_file(store: str) -> Path:
    """The file of a store's account."""
    return CAPTURES / f"{store}.account.json"
