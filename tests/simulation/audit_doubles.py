"""A table, a publisher and checkpoints in memory, for a backfill with `missing_only`."""

from collections.abc import Callable, Sequence
from typing import override

from feature_events.backfills.checkpoints import Checkpoints
from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.kafka.publisher import Publisher
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables
from tests.simulation.backfill_ends import SEGMENTS, Seam
from tests.support.audits import MemoryFolder, MemoryTopic
from tests.support.backfills import KEY_NAMES


class SeamTable(Tables):
    """A table with a seam before and after each read."""

    def __init__(self, seam: Seam) -> None:
        self.items: dict[str, Item] = {}
        """By place in the order of a scan. A place begins with the number of its segment."""
        self._seam = seam

    def place(self, item: Item) -> str:
        """Return an item's place in the order of a scan."""
        entity: str = item["bright_uid"]["S"]
        return f"{sum(entity.encode()) % SEGMENTS}-{entity}"

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        self._seam()
        start = "" if after is None else self.place(after)
        places = sorted(place for place in self.items if place.startswith(f"{segment}-") and place > start)[:limit]
        items = [self.items[place] for place in places]
        self._seam()
        return Page(items, {name: items[-1][name] for name in KEY_NAMES} if len(items) == limit else None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        self._seam()
        found = [self.items[place] for place in map(self.place, keys) if place in self.items]
        self._seam()
        return found


class TopicPublisher(Publisher):
    """A publisher to the topic in memory, with a seam before and after each call."""

    def __init__(self, topic: MemoryTopic, seam: Seam) -> None:
        self._memory = topic
        self._seam = seam
        self.sent: Callable[[Message], None] = lambda _: None

    @override
    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        for message in messages:
            self._seam()
            self._memory.append(message)
            self.sent(message)
        self._seam()
        return [Delivery.DELIVERED] * len(messages)


class FolderCheckpoints(Checkpoints):
    """Checkpoints in a folder in memory."""

    def __init__(self, folder: MemoryFolder) -> None:
        self.folder = folder
        self.place = ""
