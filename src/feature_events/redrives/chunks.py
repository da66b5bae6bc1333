"""Sort objects and divide them into chunks.

The order is that of a table's stream, across all objects, and a run can resume after any object. The size of a chunk
limits the memory of a run, and the work that is repeated if the run is killed.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from feature_events.failures.failure_store import StoredObject

MOST_OBJECTS = 50_000
"""The maximum number of objects of one run. The next run starts after them."""

CHUNK_OBJECTS = 200
_CHUNK_BYTES = 8_000_000


def is_after(key: str, after: str | None) -> bool:
    """Return whether an object comes after the one with the key `after`; every object comes after None."""
    return after is None or _to_order(key) > _to_order(after)


def sort_objects(stored: Iterable[StoredObject]) -> Sequence[StoredObject]:
    """Return the first `MOST_OBJECTS` objects, sorted. Memory never holds more than these."""
    return heapq.nsmallest(MOST_OBJECTS, stored, key=lambda each: _to_order(each.key))


def to_chunks(stored: Iterable[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    """Divide objects into chunks of limited size. A larger object has its own chunk."""
    chunk: list[StoredObject] = []
    size = 0
    for each in stored:
        if chunk and (len(chunk) == CHUNK_OBJECTS or size + each.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += each.size
    if chunk:
        yield chunk


def _to_order(key: str) -> tuple[str, int, str]:
    """Sort a table's dead letters by sequence number; the numbers differ in length.

    The name is `NUMBER-EVENTID.json`; up to version 0.1.0 it was `NUMBER.json`.
    """
    directory, _, name = key.rpartition("/")
    number = name.removesuffix(".json").partition("-")[0]
    return directory, len(number), name
