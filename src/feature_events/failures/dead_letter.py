"""The form of a dead letter: one refused record in one object, written and read here.

What one release puts, later ones must read, and people too: it says why the record was refused, and how to redrive it.
"""

import hashlib
import json
import re
from typing import NamedTuple

from feature_events.errors import PoisonRecord
from feature_events.json_text import InvalidJson, parse_json
from feature_events.records.position import Position, StreamRecord, read_position

_EVENT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class DeadLetter(NamedTuple):
    """A refused record as it is stored."""

    key: str
    """The object's key: the same record has the same key, so that a retry replaces it and adds none."""
    body: bytes


def to_dead_letter(record: StreamRecord, poison: PoisonRecord, prefix: str) -> DeadLetter:
    """The object for this record: JSON with `reason`, `table`, `sequence_number`, `redrive` and `record` as it came."""
    position = read_position(record)
    key = f"{prefix}{_to_key_part(position.table or 'unknown')}/{_to_name(record, position)}.json"
    body = {
        "reason": str(poison),
        "table": position.table,
        "sequence_number": position.sequence_number,
        "redrive": f'Fix the cause, then invoke the redrive function with {{"keys": ["{key}"]}}.',
        "record": record,
    }
    return DeadLetter(key, json.dumps(body).encode())


def read_record(body: bytes) -> StreamRecord:
    """The record in a dead letter's body; it may be anything that a stream handed over.

    Raises:
        ValueError: the body is no dead letter's.

    """
    try:
        record: StreamRecord = parse_json(body)["record"]
    except (InvalidJson, KeyError, TypeError):
        raise ValueError("it is no dead letter") from None
    return record


def _to_name(record: StreamRecord, position: Position) -> str:
    """What the record is called among its table's: its sequence number, by which the redrive sorts, and its eventID.

    AWS says of a number that it is unique in its shard, which the record does not name; an eventID is "globally unique"
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html). Where it is not of that
    form, the whole record's digest stands for it.
    """
    if position.sequence_number is None:
        return _to_digest(record)
    is_usable = position.event_id is not None and _EVENT_ID.fullmatch(position.event_id)
    return f"{position.sequence_number}-{position.event_id if is_usable else _to_digest(record)}"


def _to_digest(record: StreamRecord) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _to_key_part(name: str) -> str:
    """A name that is safe in an object's key, whatever an unreadable record holds."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name[:255]
    )
