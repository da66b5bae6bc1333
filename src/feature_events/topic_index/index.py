"""Merge the entries of all partitions into the index, and look items up in it."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from functools import partial
from itertools import batched
from typing import NamedTuple

from feature_events.aws.objects import read_all
from feature_events.errors import Misconfigured
from feature_events.topic.event import find_known_since
from feature_events.topic_index.entries import CONTENT_BYTES, ENTRY_BYTES, ITEM_BYTES
from feature_events.topic_index.look import Look
from feature_events.topic_index.store import IndexStore, PartitionProgress

_CONCURRENT = 4
"""The buckets to read concurrently, of about 8 MB each."""
_NUMBER = "Q"
"""The array type of unsigned numbers of eight bytes."""


def merge_bucket(store: IndexStore, look: Look, bucket: int) -> int:
    """Merge the entries of a bucket from all looks so far by the state rule, and save the current events.

    Partitions are merged because an entity has events in two of them if partitions were added.

    Returns:
        The number of items.

    """
    stored = [each for _, progresses in _read_looks(store, look) for progress in progresses for each in progress.stored]
    bodies = read_all(lambda each: store.read_entries(each, bucket), stored)
    entries = sorted(body[start : start + ENTRY_BYTES] for body in bodies for start in range(0, len(body), ENTRY_BYTES))
    items, contents = array(_NUMBER), array(_NUMBER)
    for number, entry in enumerate(entries, 1):
        item = entry[:ITEM_BYTES]
        if number < len(entries) and entries[number].startswith(item):
            continue  # a later event about the same item follows
        items.append(int.from_bytes(item))
        contents.append(int.from_bytes(entry[-CONTENT_BYTES:]))
    store.write_bucket(look.number, bucket, items.tobytes() + contents.tobytes())
    return len(items)


class TopicIndex(NamedTuple):
    """The current event of each item of a table, in 16 bytes per item.

    Hashes of eight bytes suffice: among a hundred million items, the probability that any two have the same hash is
    1 in 3,700.
    """

    items: Sequence[int]
    """The hashes of the items, in their order."""
    contents: Sequence[int]
    known_since_ms: int
    """Events before this time may be missing in the topic, or were not read."""
    is_behind: bool
    """True if live events were late when the last look ended, so the event of a read item might be on its way."""

    def find(self, item: bytes) -> bytes | None:
        """Return what the current event of an item says, or None if the topic has no event about it."""
        wanted = int.from_bytes(item)
        place = bisect_left(self.items, wanted)
        if place == len(self.items) or self.items[place] != wanted:
            return None
        return self.contents[place].to_bytes(CONTENT_BYTES)


def read_index(store: IndexStore, look: Look) -> TopicIndex:
    """Read the index after a look.

    Raises:
        Misconfigured: an object of the index was deleted.
        Undelivered: S3 did not respond.

    """
    items, contents = array(_NUMBER), array(_NUMBER)
    for group in batched(range(look.buckets), _CONCURRENT, strict=False):
        for body in read_all(lambda bucket: store.read_bucket(look.number, bucket), group):
            half = len(body) // 2
            items.frombytes(body[:half])
            contents.frombytes(body[half:])
    looks = list(_read_looks(store, look))
    return TopicIndex(items, contents, _find_known_since(looks), _is_behind(*looks[-1]))


class IndexCache:
    """The index of the latest look, which an execution environment keeps for its next invocation."""

    def __init__(self) -> None:
        self._key: object = None
        self._index: TopicIndex | None = None

    def read(self, run: object, store: IndexStore, look: Look) -> TopicIndex:
        """Return the index after a look of this run. Raises the same as `read_index`."""
        key = (run, look.number)
        if self._index is None or key != self._key:
            self._index = None  # the memory might be too small for two indexes
            self._index, self._key = read_index(store, look), key
        return self._index


type _Progresses = Sequence[PartitionProgress]


def _read_looks(store: IndexStore, look: Look) -> Collection[tuple[Look, _Progresses]]:
    """Return all looks up to this one, with the progress of their partitions."""
    looks = [*(_read_former(store, number) for number in range(look.number)), look]
    return [(each, read_all(partial(store.read_progress, each), each.partitions)) for each in looks]


def _read_former(store: IndexStore, number: int) -> Look:
    look = store.read_look(number)
    if look is None:
        raise Misconfigured("objects of the run were deleted from the failure bucket: start a new run")
    return look


def _find_known_since(looks: Sequence[tuple[Look, _Progresses]]) -> int:
    """Return the time since which the topic's events are known.

    It depends on `since`, on the oldest message in the topic, and on the oldest message in each partition whose earlier
    messages were removed.
    """
    first, progresses = looks[0]
    after_removals = [each.known_since_ms for _, found in looks for each in found if each.known_since_ms]
    starts_at_oldest = all(start == first.oldest[partition] for partition, (start, _) in first.ranges.items())
    oldest = [each.oldest_ms for each in progresses if each.oldest_ms is not None] if starts_at_oldest else []
    return max(find_known_since(first.since_ms, after_removals), min(oldest, default=0))


def _is_behind(look: Look, progresses: _Progresses) -> bool:
    """Return whether live events that arrived after the last items had been read are all older than these reads.

    Then the stream is read late, and events of these items may follow. Without live events, there is no sign of it.
    """
    latest = max((each.latest_live_ms for each in progresses if each.latest_live_ms is not None), default=None)
    return latest is not None and latest < look.read_ms - look.read_ms % 1_000
