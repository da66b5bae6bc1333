"""DynamoDB, checkpoints and a publisher for a simulated backfill.

Anything can happen before and after each of their steps, so that the simulation covers every order of events.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, override

from botocore.exceptions import ClientError

from feature_events.backfills.checkpoints import Progress
from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.kafka.publisher import Publisher
from feature_events.records.change import Item
from tests.support.backfills import KEY_NAMES, MemoryCheckpoints

SEGMENTS = 2

type Json = dict[str, Any]

type Seam = Callable[[], None]
"""Run what happens between two steps; raise if the worker is killed."""


class SeamDynamoDB:
    """A DynamoDB client for one table with consistent reads, and a replica that lags behind."""

    def __init__(self, seam: Seam) -> None:
        self.items: dict[str, Item] = {}
        """By place in the order of a scan. A place begins with the number of its segment."""
        self.replica: dict[str, Item] = {}
        self.scans = self.reads = 0
        self.throttled = 0
        """The reads that returned fewer items than there are."""
        self.limits: deque[int] = deque()
        """The most items of each of the next reads; 0 if the read is throttled. Later reads have no limit.

        A scan has either all its items or none.
        """
        self._seam = seam

    def place(self, item: Item) -> str:
        """Return an item's place in the order of a scan."""
        entity: str = item[KEY_NAMES[0]]["S"]
        return f"{sum(entity.encode()) % SEGMENTS}-{entity}"

    def scan(self, **request: Any) -> Json:  # noqa: ANN401  # the request's fields
        """Return the next items of a segment."""
        self._seam()
        self.scans += 1
        items = self._source(request)
        start = self.place(request["ExclusiveStartKey"]) if "ExclusiveStartKey" in request else ""
        after = sorted(place for place in items if place.startswith(f"{request['Segment']}-") and place > start)
        self._limit(len(after), "Scan")
        limit = request["Limit"]
        found = [items[place] for place in after[:limit]]
        self._seam()
        # Like DynamoDB, which returns a key to resume after if the limit was reached, even at the end
        last = {"LastEvaluatedKey": _to_keys(found[-1])} if len(found) == limit else {}
        return {"Items": found, **last}

    def batch_get_item(self, **request: Any) -> Json:  # noqa: ANN401  # the request's fields
        """Return items in another order than the scan, and every other time also the features of each."""
        self._seam()
        [(table, wanted)] = request["RequestItems"].items()
        items, keys = self._source(wanted), wanted["Keys"]
        limit = self._limit(len(keys), "BatchGetItem")
        places = [place for place in map(self.place, keys[:limit]) if place in items]
        self.reads += 1
        found = [_reverse(items[place]) if self.reads % 2 else items[place] for place in reversed(places)]
        self._seam()
        unprocessed = {table: {**wanted, "Keys": keys[limit:]}} if keys[limit:] else {}
        return {"Responses": {table: found}, "UnprocessedKeys": unprocessed}

    def _source(self, request: Json) -> dict[str, Item]:
        return self.items if request["ConsistentRead"] else self.replica

    def _limit(self, items: int, operation: str) -> int:
        """Return the most items of this read."""
        limit = self.limits.popleft() if self.limits else items + 1
        self.throttled += limit < items
        if not limit:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, operation)
        return limit


class SeamCheckpoints(MemoryCheckpoints):
    """The checkpoints of a run, with a seam before and after each write."""

    def __init__(self, seam: Seam) -> None:
        super().__init__()
        self._seam = seam

    @property
    def are_complete(self) -> bool:
        """Whether the run is complete."""
        return len(self.progresses) == SEGMENTS and all(each.is_complete for each in self.progresses.values())

    @override
    def write(self, segment: int, progress: Progress) -> None:
        self._seam()
        super().write(segment, progress)
        self._seam()


class Runs(dict[str, SeamCheckpoints]):
    """The runs in the failure bucket, by name."""

    def __init__(self, seam: Seam) -> None:
        super().__init__()
        self._seam = seam

    def open(self, _bucket: str, run: str) -> SeamCheckpoints:
        """Return the checkpoints of a run, or empty ones. It replaces `Checkpoints`."""
        return self.setdefault(run, SeamCheckpoints(self._seam))

    def find(self, _bucket: str, start: str) -> Iterator[str]:
        """Yield the names of the runs that start with this text. It replaces `find_runs`."""
        return (run for run, checkpoints in self.items() if checkpoints.plan and run.startswith(start))


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


def _to_keys(item: Item) -> Item:
    return {name: item[name] for name in KEY_NAMES}


def _reverse(value: Any) -> Any:  # noqa: ANN401  # an attribute or a part of one
    """Return an attribute whose maps list their members in reverse."""
    if isinstance(value, dict):
        return {name: _reverse(value[name]) for name in reversed(value)}
    return value
