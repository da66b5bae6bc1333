"""A table, checkpoints and a publisher for a simulated backfill.

Anything can happen before and after each of their steps, so that the simulation covers every order of events.
"""

from collections.abc import Callable, Sequence
from typing import override

from feature_events.backfills.checkpoints import Progress
from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.kafka.publisher import Publisher
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables
from tests.support.backfills import MemoryCheckpoints

SEGMENTS = 2

type Seam = Callable[[], None]
"""Run what happens between two steps; raise if the worker is killed."""


class SeamTable(Tables):
    """A table with consistent reads, and a replica that lags behind."""

    def __init__(self, seam: Seam, key_names: Sequence[str]) -> None:
        self.items: dict[str, Item] = {}
        """By place in the order of a scan. A place begins with the number of its segment."""
        self.replica: dict[str, Item] = {}
        self.scans = 0
        self._seam = seam
        self._key_names = key_names

    def place(self, item: Item) -> str:
        """Return an item's place in the order of a scan."""
        entity: str = item[self._key_names[0]]["S"]
        return f"{sum(entity.encode()) % SEGMENTS}-{entity}"

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        assert segments == SEGMENTS
        self._seam()
        self.scans += 1
        start = "" if after is None else self.place(after)
        places = sorted(place for place in self.items if place.startswith(f"{segment}-") and place > start)[:limit]
        items = [self.items[place] for place in places]
        self._seam()
        # Like DynamoDB, which returns a key to resume after if the limit was reached, even at the end
        return Page(items, {name: items[-1][name] for name in self._key_names} if len(items) == limit else None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        return self._read(self.items, keys)

    def get_replica_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:  # noqa: ARG002  # of get_items
        """Return items by an eventually consistent read."""
        return self._read(self.replica, keys)

    def _read(self, source: dict[str, Item], keys: Sequence[Item]) -> Sequence[Item]:
        self._seam()
        found = [source[place] for place in map(self.place, keys) if place in source]
        self._seam()
        return found


class SeamCheckpoints(MemoryCheckpoints):
    """Checkpoints with a seam before and after each write that moves the position.

    The write of a new attempt is followed by a scan, which begins with a seam.
    """

    def __init__(self, seam: Seam) -> None:
        super().__init__()
        self.again = 0
        """The events of all pages that were sent once more."""
        self._seam = seam

    @property
    def are_complete(self) -> bool:
        """Whether the run is complete."""
        return len(self.progresses) == SEGMENTS and all(each.is_complete for each in self.progresses.values())

    @override
    def write(self, segment: int, progress: Progress) -> None:
        if progress.attempt != self.read(segment).attempt:
            super().write(segment, progress)
            return
        self._seam()
        self.again += progress.again - self.read(segment).again
        super().write(segment, progress)
        self._seam()


class SeamPublisher(Publisher):
    """A publisher with a seam before and after each call."""

    def __init__(self, publisher: Publisher, seam: Seam, meet: Seam) -> None:
        self._publisher = publisher
        self._seam = seam
        self._meet = meet

    @override
    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        self._seam()
        self._meet()
        deliveries = self._publisher.publish(messages, deadline, refuse)
        self._seam()
        return deliveries
