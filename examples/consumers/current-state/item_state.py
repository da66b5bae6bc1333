"""Apply the state rule to events, and store the result in SQLite.

The file has one row per item, or per feature of an item if PER_FEATURE matches the item. A row keeps the position of
the event that it comes from. Another event replaces the row only if its position is newer, so the order of reading and
duplicates make no difference. A removed item keeps its row, without features. An older event that arrives later
therefore cannot bring the item back.
"""

import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple, Self

from position import Position

TABLES: Final = """
CREATE TABLE IF NOT EXISTS state (
    source TEXT, entity_type TEXT, entity_id TEXT, resource_name TEXT,
    unit TEXT,  -- JSON: null for the whole item, or the name of one feature
    timestamp_ms INTEGER NOT NULL,
    sequence TEXT NOT NULL,  -- a number of up to 40 digits; an INTEGER has up to 19
    offset INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    features TEXT,  -- a JSON list, or NULL after a removal
    PRIMARY KEY (source, entity_type, entity_id, resource_name, unit)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
ITEM: Final = "SELECT * FROM state WHERE source = ? AND entity_type = ? AND entity_id = ? AND resource_name = ?"
UNIT: Final = f"{ITEM} AND unit = ?"
REPLACE: Final = "REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
ALL: Final = "SELECT * FROM state ORDER BY source, entity_type, entity_id, resource_name, unit"
WHOLE_ITEM: Final = "null"


class Item(NamedTuple):
    """The item that an event is about."""

    source: str
    """The ARN of the table."""
    entity_type: str
    entity_id: str
    resource_name: str


type Place = tuple[Position, int]
"""The position of an event and its partition. The partition decides only between equal offsets of two partitions."""


class Reading(NamedTuple):
    """An event that was read from the topic."""

    item: Item
    place: Place
    is_available: bool
    """False for a removal."""
    features: Sequence[str]


class Row(NamedTuple):
    """A row of the table `state`."""

    source: str
    entity_type: str
    entity_id: str
    resource_name: str
    unit: str
    timestamp_ms: int
    sequence: str
    offset: int
    partition: int
    features: str | None

    @property
    def item(self) -> Item:
        """The item that the row is about."""
        return Item(*self[:4])

    @property
    def place(self) -> Place:
        """The place of the event that the row comes from."""
        return Position(self.timestamp_ms, int(self.sequence), self.offset), self.partition


class ItemState:
    """The available features of each item, and the offset to resume from in each partition.

    Args:
        database: an open connection.
        per_feature: patterns of TABLE/RESOURCE. For the items of these resources, the rule applies to each feature.

    """

    def __init__(self, database: sqlite3.Connection, per_feature: Sequence[str] = ()) -> None:
        database.execute("PRAGMA journal_mode = WAL")  # a process that prints the state does not block this one
        database.executescript(TABLES)
        self._database = database
        self._per_feature = per_feature

    @classmethod
    def open(cls, path: Path, per_feature: str, origin: Mapping[str, str]) -> Self:
        """Open a file, or create it. Exit the program if its state comes from another topic or setting."""
        state = cls(sqlite3.connect(path), [pattern.strip() for pattern in per_feature.split(",")])
        for name, value in {**origin, "PER_FEATURE": per_feature}.items():
            found = state.read_origin(name, value)
            if found != value:
                state.close()
                sys.exit(f"{path} was written with {name}={found}, not {value}; delete the file, or set STATE_FILE")
        return state

    def read_origin(self, name: str, value: str) -> str:
        """Return the value with which the file was written. A new file is written with this value."""
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, value))
        [(found,)] = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,))
        return str(found)

    def store(self, readings: Iterable[Reading], offsets: Mapping[int, int]) -> Sequence[Item]:
        """Apply events and store the offsets after them in one transaction. Return the items whose features changed."""
        before: dict[Item, list[str]] = {}
        with self._database:
            for reading in readings:
                if reading.item not in before:
                    before[reading.item] = self.read_features(reading.item)
                self._apply(reading)
            self._database.executemany("REPLACE INTO offsets VALUES (?, ?)", offsets.items())
        return [item for item, features in before.items() if self.read_features(item) != features]

    def read_offsets(self) -> dict[int, int]:
        """Return the offset to resume from in each partition."""
        return dict(self._database.execute("SELECT partition, next FROM offsets"))

    def read_features(self, item: Item) -> list[str]:
        """Return the available features of an item."""
        return find_available([Row(*each) for each in self._database.execute(ITEM, item)])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _apply(self, reading: Reading) -> None:
        """Apply an event to the rows that it is about."""
        if self._is_per_feature(reading.item) and (reading.is_available or reading.features):
            for feature in reading.features:
                self._replace(reading, json.dumps(feature), [feature])
        else:
            self._replace(reading, WHOLE_ITEM, reading.features)

    def _is_per_feature(self, item: Item) -> bool:
        """Return whether the rule applies to each feature of this item."""
        name = f"{item.source.rpartition('/')[2]}/{item.resource_name}"
        return any(fnmatchcase(name, pattern) for pattern in self._per_feature)

    def _replace(self, reading: Reading, unit: str, features: Sequence[str]) -> None:
        """Replace the row of a unit if the event is newer."""
        key = (*reading.item, unit)
        if any(Row(*each).place >= reading.place for each in self._database.execute(UNIT, key)):
            return
        (timestamp_ms, sequence, offset), partition = reading.place
        announced = json.dumps(features, ensure_ascii=False) if reading.is_available else None
        row = Row(*key, timestamp_ms, str(sequence), offset, partition, announced)
        self._database.execute(REPLACE, row)


def find_available(rows: Sequence[Row]) -> list[str]:
    """Return the available features of one item.

    With one row per feature, the row of the whole item comes from a removal, which removed all features before it.
    """
    removals = [row.place for row in rows if row.unit == WHOLE_ITEM and row.features is None]
    found = [row.features for row in rows if row.features is not None and all(row.place > at for at in removals)]
    return [name for features in found for name in json.loads(features)]


def read_items(path: Path) -> Iterator[tuple[Item, Sequence[str]]]:
    """Yield the available items in a file, with their features."""
    if not path.exists():
        sys.exit(f"{path} does not exist; run this program without --print first, or set STATE_FILE")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        for item, rows in groupby((Row(*each) for each in database.execute(ALL)), lambda row: row.item):
            if features := find_available(list(rows)):
                yield item, features
