"""A table and checkpoints in memory, for backfills."""

from collections.abc import Callable, Sequence
from typing import Any, override

from feature_events.backfills.checkpoints import Checkpoints, Progress
from feature_events.backfills.plan import Plan
from feature_events.backfills.request import BackfillRequest
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables
from tests.support.records import to_item

TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"
KEY_NAMES = ("bright_uid", "category")
STARTED = "2025-11-01T00:00:00.789Z"
STARTED_MS = 1_761_955_200_789
MESSAGE_MS = 1_761_955_199_000
"""The timestamp of the run's messages: its start, rounded down to the second, minus one second."""
ANNOUNCEMENT = f"{STARTED_MS}/1/0"
"""The announcement of an item that a segment's first worker sends for the first time."""
RUN = "nightly-1-20251101T000000.789Z"
"""The name of the run that the execution `nightly-1` started."""


def to_plan(**request: Any) -> Plan:  # noqa: ANN401  # the request's fields
    """Return the plan of a run on the table of the default layout, by default with one segment."""
    fields = {"table": "user_feature_store", "segments": 1, **request}
    return Plan(BackfillRequest(**fields), TABLE_ARN, KEY_NAMES, STARTED_MS, "digest", "0000000007")


def to_scanned(entity: str = "user-1", item: Item | None = None, **parts: Any) -> dict[str, Any]:  # noqa: ANN401  # an item's parts
    """Return an item as a scan returns it."""
    keys = {"bright_uid": {"S": entity}, "category": {"S": "user_features"}}
    return {**keys, **(to_item(**parts) if item is None else item)}


class MemoryCheckpoints(Checkpoints):
    """Checkpoints in memory."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.progresses: dict[int, Progress] = {}

    @override
    def read_plan(self) -> Plan | None:
        return self.plan

    @override
    def write_plan(self, plan: Plan) -> None:
        self.plan = plan

    @override
    def read(self, segment: int) -> Progress:
        return self.progresses.get(segment, Progress())

    @override
    def write(self, segment: int, progress: Progress) -> None:
        self.progresses[segment] = progress


class MemoryTable(Tables):
    """One table in memory. Its first segment contains all items.

    Args:
        items: the items in the order of a scan.

    """

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = {self._key(item): item for item in items}
        self.scanned: list[tuple[Item | None, int]] = []
        """The start and the limit of each scan."""
        self.requested: list[int] = []
        """The number of keys in each read."""
        self.meanwhile: list[Callable[[], object]] = []
        """What happens before each of the next reads."""
        self.before_read: Callable[[int], object] = lambda _: None
        """What happens before each read of this number of keys."""

    def put(self, item: dict[str, Any]) -> None:
        """Write an item."""
        self.items[self._key(item)] = item

    def delete(self, item: dict[str, Any]) -> None:
        """Delete an item."""
        del self.items[self._key(item)]

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        assert table == TABLE_ARN
        assert segment < segments
        if segment:
            return Page([], None)
        self.scanned.append((after, limit))
        keys = list(self.items)
        start = 0 if after is None else keys.index(self._key(after)) + 1
        items = [self.items[key] for key in keys[start : start + limit]]
        is_end = start + limit >= len(keys)
        return Page(items, None if is_end else {name: items[-1][name] for name in KEY_NAMES})

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        assert table == TABLE_ARN
        self.requested.append(len(keys))
        self.before_read(len(keys))
        if self.meanwhile:
            self.meanwhile.pop(0)()
        # Reversed, since DynamoDB returns items in any order
        return [self.items[key] for key in map(self._key, reversed(keys)) if key in self.items]

    def _key(self, item: Item) -> str:
        return repr([item[name] for name in KEY_NAMES])
