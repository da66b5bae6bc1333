"""Index one partition of a look, and save its progress after each object of entries.

A checkpoint means that every message before it is in stored entries, so a worker that resumes there misses nothing.
"""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import NamedTuple

from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.logs import logger
from feature_events.topic.event import EventDecoder
from feature_events.topic.reader import RemovedError, TopicMessage, TopicReader
from feature_events.topic_index.entries import ITEM_BYTES, Unit, to_entries
from feature_events.topic_index.look import Look
from feature_events.topic_index.store import IndexStore, PartitionProgress, StoredEntries

_MOST_ENTRIES = 200_000
"""The entries to keep in memory, which take about 60 MB, before they are stored."""


class IndexWorker(NamedTuple):
    """A worker on the partitions of a look."""

    look: Look
    reader: TopicReader
    decoder: EventDecoder
    store: IndexStore
    mode: FeaturesMode
    units: Collection[Unit]
    invocation: str
    """An id of the invocation, so that no other worker on the partition can replace the entries."""
    most_entries: int = _MOST_ENTRIES

    def work(self, partition: int, deadline: Deadline, end: Deadline) -> bool:
        """Index a partition from its last checkpoint on; return True if it is complete.

        Args:
            partition: the partition's number.
            deadline: when to stop reading.
            end: when the invocation ends.

        Raises:
            Misconfigured: an operator must change something first.
            Undelivered: Kafka, the registry or S3 did not respond. Entries with a checkpoint stay done.

        """
        progress = self.store.read_progress(self.look, partition)
        if not progress.is_complete:
            progress = progress._replace(attempt=progress.attempt + 1)
            self.store.write_progress(self.look, partition, progress)
        while not progress.is_complete and deadline.remaining():
            progress = self._index_some(partition, progress, deadline, end)
        return progress.is_complete

    def _index_some(
        self, partition: int, progress: PartitionProgress, deadline: Deadline, end: Deadline
    ) -> PartitionProgress:
        """Read messages until the memory for entries is full or the deadline has passed, then write the checkpoint."""
        stop, batch = self.look.ranges[partition][1], _Batch(self, progress)
        try:
            for message in self.reader.read({partition: range(progress.offset, stop)}, end):
                batch.add(message)
                if len(batch.entries) >= self.most_entries or not deadline.remaining():
                    break
            else:
                batch.finish(stop)
        except RemovedError:
            batch.skip(self.reader.find_offsets(end)[partition].oldest)
        if self.store.read_progress(self.look, partition) != progress:
            # The run was resumed while an invocation of the stopped execution was still working
            raise Undelivered(f"partition {partition} is being indexed by another worker: try again later")
        progress = self._save(partition, batch)
        self.store.write_progress(self.look, partition, progress)
        logger.info("topic indexed", partition=partition, events=progress.events, complete=progress.is_complete)
        return progress

    def _save(self, partition: int, batch: "_Batch") -> PartitionProgress:
        """Save the entries, and return the progress with them."""
        progress, entries = batch.to_progress(), batch.entries
        if not entries:
            return progress
        items = sorted(entries)
        name = f"{self.look.number}/{partition}/{progress.attempt}-{len(progress.stored)}-{self.invocation}"
        self.store.write_entries(name, b"".join(chain.from_iterable((item, entries[item]) for item in items)))
        stored = StoredEntries(name, _count_by_bucket(items, self.look.buckets))
        return progress._replace(stored=(*progress.stored, stored))


class _Batch:
    """The entries of some messages: for each item, the current event by the state rule."""

    def __init__(self, worker: IndexWorker, former: PartitionProgress) -> None:
        self.entries: dict[bytes, bytes] = {}
        self._worker = worker
        self._former = former
        self._offset, self._is_complete, self._events = former.offset, former.is_complete, 0
        self._oldest_ms, self._latest_live_ms = former.oldest_ms, former.latest_live_ms
        self._known_since_ms, self._is_after_gap = former.known_since_ms, former.is_after_gap

    def add(self, message: TopicMessage) -> None:
        """Add a message."""
        time = message.timestamp_ms
        if self._oldest_ms is None or time < self._oldest_ms:
            self._oldest_ms = time
        if self._is_after_gap:
            self._close_gap(time)
        self._offset = message.offset + 1
        found = self._worker.decoder.decode(message)
        if found is None:
            return
        self._events += 1
        if not found.is_backfilled and message.offset >= self._worker.look.live_from.get(message.partition, 0):
            self._latest_live_ms = max(self._latest_live_ms or 0, time)
        if time < self._worker.look.since_ms:
            return  # a newer event of the item may be before the part that is read
        for item, rest in to_entries(found, self._worker.mode, self._worker.units):
            if rest > self.entries.get(item, b""):
                self.entries[item] = rest

    def finish(self, stop: int) -> None:
        """Note that the range has been read to its end."""
        self._offset, self._is_complete = stop, True
        if self._is_after_gap:  # nothing is left in the partition
            self._close_gap(self._worker.look.started_ms)

    def skip(self, oldest: int) -> None:
        """Note that the messages before this offset were removed before they were read."""
        self._offset, self._is_after_gap = oldest, True

    def to_progress(self) -> PartitionProgress:
        """Return the progress, without these entries."""
        return self._former._replace(
            offset=self._offset,
            is_complete=self._is_complete,
            events=self._former.events + self._events,
            oldest_ms=self._oldest_ms,
            known_since_ms=self._known_since_ms,
            is_after_gap=self._is_after_gap,
            latest_live_ms=self._latest_live_ms,
        )

    def _close_gap(self, time_ms: int) -> None:
        self._known_since_ms, self._is_after_gap = max(self._known_since_ms, time_ms), False


def _count_by_bucket(items: Iterable[bytes], buckets: int) -> list[int]:
    """Return how many items are in each bucket. Buckets are in the order of the items' hashes."""
    counts = [0] * buckets
    for item in items:
        counts[(int.from_bytes(item) * buckets) >> (8 * ITEM_BYTES)] += 1
    return counts
