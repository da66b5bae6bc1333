"""Says in which order a run takes objects, and how many at once.

The order is that of a table's stream, also across objects, and a run can go on behind any of them; what is taken at
once bounds memory, and what is done again where a run is ended from outside.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from feature_events.failures.failure_store import StoredObject

MOST_OBJECTS = 50_000
"""How many objects one run takes; the next begins behind them."""

CHUNK_OBJECTS = 200
_CHUNK_BYTES = 8_000_000


def is_behind(key: str, after: str | None) -> bool:
    """Whether an object comes behind the one of the key `after`; all do where that is None."""
    return after is None or _to_order(key) > _to_order(after)


def sort_objects(stored: Iterable[StoredObject]) -> Sequence[StoredObject]:
    """The first `MOST_OBJECTS` in the order in which they are taken; no more than these are kept in memory."""
    return heapq.nsmallest(MOST_OBJECTS, stored, key=lambda each: _to_order(each.key))


def to_chunks(stored: Iterable[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    """The same objects, in chunks of bounded size; a larger object is alone."""
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
    """Sorts a table's dead letters by their sequence numbers, which are not all of one length.

    A name is `NUMBER-EVENTID.json`, or `NUMBER.json` as up to 0.1.0.
    """
    directory, _, name = key.rpartition("/")
    number = name.removesuffix(".json").partition("-")[0]
    return directory, len(number), name
