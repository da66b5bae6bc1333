"""The ends that a backfill's worker has in its world: a table, checkpoints and a publisher.

Before and after each of their steps anything may happen, so that no order of events is left out.
"""

from collections.abc import Callable, Sequence
from typing import override

from feature_events.backfills.checkpoints import Progress
from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.pipeline import MessagePublisher
from feature_events.records.change import Item
from feature_events.tables.source_table import Page
from tests.support.backfills import MemoryCheckpoints

SEGMENTS = 2

type Seam = Callable[[], None]
"""What happens between two steps; it raises where the worker is killed."""


class SeamTable:
    """A table whose consistent reads say what is so at that moment; its replica is behind for others."""

    def __init__(self, seam: Seam, key_names: Sequence[str]) -> None:
        self.items: dict[str, Item] = {}
        """By their places in a scan's order, which begin with the segment's number."""
        self.replica: dict[str, Item] = {}
        self.scans = 0
        self._seam = seam
        self._key_names = key_names

    def place(self, item: Item) -> str:
        """An item's place."""
        entity: str = item[self._key_names[0]]["S"]
        return f"{sum(entity.encode()) % SEGMENTS}-{entity}"

    def scan(self, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """See `SourceTable.scan`."""
        assert segments == SEGMENTS
        self._seam()
        self.scans += 1
        begin = "" if after is None else self.place(after)
        places = sorted(place for place in self.items if place.startswith(f"{segment}-") and place > begin)[:limit]
        items = [self.items[place] for place in places]
        self._seam()
        # DynamoDB, too, says where it goes on when it has given as much as it may, and there may be nothing
        return Page(items, {name: items[-1][name] for name in self._key_names} if len(items) == limit else None)

    def read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """See `SourceTable.read`."""
        return self._read(self.items, keys)

    def read_replica(self, keys: Sequence[Item]) -> Sequence[Item]:
        """What an eventually consistent read gives: what has come to the replica."""
        return self._read(self.replica, keys)

    def _read(self, source: dict[str, Item], keys: Sequence[Item]) -> Sequence[Item]:
        self._seam()
        found = [source[place] for place in map(self.place, keys) if place in source]
        self._seam()
        return found


class SeamCheckpoints(MemoryCheckpoints):
    """Checkpoints, with seams."""

    def __init__(self, seam: Seam) -> None:
        super().__init__()
        self.again = 0
        """Events that were sent once more, in all pages."""
        self._seam = seam

    @property
    def are_complete(self) -> bool:
        """Whether the run is."""
        return len(self.progresses) == SEGMENTS and all(each.is_complete for each in self.progresses.values())

    @override
    def write(self, segment: int, progress: Progress) -> None:
        self._seam()
        self.again += progress.again - self.read(segment).again
        super().write(segment, progress)
        self._seam()


class SeamPublisher:
    """A publisher, with seams."""

    def __init__(self, publisher: MessagePublisher, seam: Seam, meet: Seam) -> None:
        self._publisher = publisher
        self._seam = seam
        self._meet = meet

    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """See `Publisher.publish`."""
        self._seam()
        self._meet()
        deliveries = self._publisher.publish(messages, deadline, refuse)
        self._seam()
        return deliveries
