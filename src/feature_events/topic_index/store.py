"""Store the index of a run: its looks, the progress of each partition, and the entries.

The objects in the folder of a run:

| object | content |
|---|---|
| `index/LOOK/look.json` | the look |
| `index/LOOK/waiting.json` | the end offsets when the wait before the look began |
| `index/LOOK/PARTITION.json` | the progress of a partition |
| `index/LOOK/PARTITION/ATTEMPT-NUMBER-INVOCATION` | sorted entries |
| `index/LOOK/bucket-NUMBER` | the current events of a part of all items |
| `index/LOOK/candidates/SEGMENT-ATTEMPT-PAGE-INVOCATION.json` | items to look at again, by their keys |
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from feature_events.aws.objects import BINARY, ObjectFolder
from feature_events.errors import Misconfigured
from feature_events.records.change import Item, to_record_keys, to_request_keys
from feature_events.topic_index.entries import ENTRY_BYTES
from feature_events.topic_index.look import Look


class StoredEntries(NamedTuple):
    """An object of sorted entries."""

    name: str
    counts: Sequence[int]
    """The number of entries in each bucket."""


class PartitionProgress(NamedTuple):
    """The progress of a partition."""

    offset: int
    """The next offset to read."""
    is_complete: bool = False
    attempt: int = 0
    """The number of invocations that have begun to read the partition."""
    events: int = 0
    stored: Sequence[StoredEntries] = ()
    oldest_ms: int | None = None
    """The earliest timestamp of the messages that were read."""
    known_since_ms: int = 0
    """Events before this time may have been removed before they were read."""
    is_after_gap: bool = False
    """True until the first message after removed ones is read."""
    latest_live_ms: int | None = None
    """The latest timestamp of a live event that arrived after the items before this look had been read."""


class Candidate(NamedTuple):
    """An item to look at again."""

    keys: Item
    digest: str
    """A digest of the item when it was read."""


class IndexStore:
    """The stored index of one run. Every method raises the same as `ObjectFolder`.

    Args:
        folder: the run's folder.

    """

    def __init__(self, folder: ObjectFolder) -> None:
        self._folder = folder

    def read_look(self, number: int) -> Look | None:
        """Return a look, or None if it has not been planned."""
        return self._read_json(f"index/{number}/look.json", _to_look)

    def write_look(self, look: Look) -> None:
        """Save a look."""
        self._write_json(f"index/{look.number}/look.json", look._asdict())

    def read_waiting(self, number: int) -> Mapping[int, int] | None:
        """Return the end offsets when the wait before a look began, or None if it has not begun."""
        return self._read_json(f"index/{number}/waiting.json", _to_offsets)

    def write_waiting(self, number: int, ends: Mapping[int, int]) -> None:
        """Save the end offsets when the wait before a look begins."""
        self._write_json(f"index/{number}/waiting.json", ends)

    def read_progress(self, look: Look, partition: int) -> PartitionProgress:
        """Return the progress of a partition."""
        stored = self._read_json(f"index/{look.number}/{partition}.json", _to_progress)
        start = look.ranges[partition][0]
        # Offset 0 follows no removed message, and the messages before a later look have been read
        return stored or PartitionProgress(start, is_after_gap=not look.number and 0 < start <= look.oldest[partition])

    def write_progress(self, look: Look, partition: int, progress: PartitionProgress) -> None:
        """Save the progress of a partition."""
        stored = {**progress._asdict(), "stored": [each._asdict() for each in progress.stored]}
        self._write_json(f"index/{look.number}/{partition}.json", stored)

    def write_entries(self, name: str, entries: bytes) -> None:
        """Save sorted entries."""
        self._folder.write(f"index/{name}", entries, BINARY)

    def read_entries(self, stored: StoredEntries, bucket: int) -> bytes:
        """Return the entries of one bucket."""
        start = sum(stored.counts[:bucket]) * ENTRY_BYTES
        return self._folder.read_existing(
            f"index/{stored.name}", range(start, start + stored.counts[bucket] * ENTRY_BYTES)
        )

    def write_bucket(self, number: int, bucket: int, body: bytes) -> None:
        """Save the current events of a bucket."""
        self._folder.write(f"index/{number}/bucket-{bucket}", body, BINARY)

    def read_bucket(self, number: int, bucket: int) -> bytes:
        """Return the current events of a bucket."""
        return self._folder.read_existing(f"index/{number}/bucket-{bucket}")

    def write_candidates(self, number: int, name: str, candidates: Sequence[Candidate]) -> None:
        """Save items to look at again."""
        stored = [[to_record_keys(each.keys), each.digest] for each in candidates]
        self._write_json(f"index/{number}/candidates/{name}.json", stored)

    def read_candidates(self, number: int, name: str) -> Sequence[Candidate]:
        """Return items to look at again."""
        stored = json.loads(self._folder.read_existing(f"index/{number}/candidates/{name}.json"))
        return [Candidate(to_request_keys(keys), digest) for keys, digest in stored]

    def _read_json[T](self, name: str, to_value: Callable[[Any], T]) -> T | None:
        body = self._folder.read(name)
        if body is None:
            return None
        try:
            return to_value(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Misconfigured(
                f"{self._folder.name(name)} is not from this version: omit `run` to start a new run"
            ) from None

    def _write_json(self, name: str, stored: object) -> None:
        self._folder.write(name, json.dumps(stored).encode())


def _to_look(stored: Any) -> Look:  # noqa: ANN401  # any JSON
    ranges = {int(partition): (start, stop) for partition, (start, stop) in stored["ranges"].items()}
    oldest, live_from = _to_offsets(stored["oldest"]), _to_offsets(stored["live_from"])
    return Look(**{**stored, "ranges": ranges, "oldest": oldest, "live_from": live_from})


def _to_offsets(stored: Any) -> Mapping[int, int]:  # noqa: ANN401  # any JSON
    return {int(partition): offset for partition, offset in stored.items()}


def _to_progress(stored: Any) -> PartitionProgress:  # noqa: ANN401  # any JSON
    entries = [StoredEntries(**each) for each in stored["stored"]]
    return PartitionProgress(**{**stored, "stored": tuple(entries)})
