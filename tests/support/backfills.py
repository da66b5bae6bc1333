"""What a backfill needs from outside, in memory: a table, and checkpoints."""

from collections.abc import Callable, Sequence
from typing import Any

from feature_events.backfills.checkpoints import Plan, Progress
from feature_events.backfills.request import Request
from feature_events.records.change import Item
from feature_events.tables.source_table import Page
from tests.support.records import to_item

TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"
KEY_NAMES = ("bright_uid", "category")
STARTED = "2025-11-01T00:00:00.000Z"
STARTED_MS = 1_761_955_200_000


def to_plan(**request: Any) -> Plan:  # noqa: ANN401  # the request's fields
    """The plan of a run over the default layout's table, in one segment unless told otherwise."""
    return Plan(Request(**{"table": "user_feature_store", "segments": 1, **request}), TABLE_ARN, KEY_NAMES, STARTED_MS)


def to_scanned(entity: str = "user-1", item: Item | None = None, **parts: Any) -> dict[str, Any]:  # noqa: ANN401  # an item's parts
    """An item as a scan gives it."""
    keys = {"bright_uid": {"S": entity}, "category": {"S": "user_features"}}
    return {**keys, **(to_item(**parts) if item is None else item)}


class MemoryCheckpoints:
    """Checkpoints in memory."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.progresses: dict[int, Progress] = {}

    def read_plan(self) -> Plan | None:
        """See `Checkpoints.read_plan`."""
        return self.plan

    def write_plan(self, plan: Plan) -> None:
        """See `Checkpoints.write_plan`."""
        self.plan = plan

    def read(self, segment: int) -> Progress:
        """See `Checkpoints.read`."""
        return self.progresses.get(segment, Progress())

    def write(self, segment: int, progress: Progress) -> None:
        """See `Checkpoints.write`."""
        self.progresses[segment] = progress


class MemoryTable:
    """A table of one segment, in memory.

    Args:
        items: what it holds, in a scan's order.

    """

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = {self._key(item): item for item in items}
        self.scanned: list[tuple[Item | None, int]] = []
        """Where each scan began, and how many items it might give."""
        self.asked: list[int] = []
        """For how many keys each read asked."""
        self.meanwhile: list[Callable[[], object]] = []
        """What happens before each of the next reads."""

    def put(self, item: dict[str, Any]) -> None:
        """Writes an item."""
        self.items[self._key(item)] = item

    def delete(self, item: dict[str, Any]) -> None:
        """Deletes an item."""
        del self.items[self._key(item)]

    def scan(self, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        """See `SourceTable.scan`."""
        assert segment < segments  # the first has all items, so that a plan can have several
        if segment:
            return Page([], None)
        self.scanned.append((after, limit))
        keys = list(self.items)
        begin = 0 if after is None else keys.index(self._key(after)) + 1
        items = [self.items[key] for key in keys[begin : begin + limit]]
        is_end = begin + limit >= len(keys)
        return Page(items, None if is_end else {name: items[-1][name] for name in KEY_NAMES})

    def read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """See `SourceTable.read`; the items come in another order than the keys."""
        self.asked.append(len(keys))
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return [self.items[key] for key in map(self._key, reversed(keys)) if key in self.items]

    def _key(self, item: Item) -> str:
        return repr([item[name] for name in KEY_NAMES])
