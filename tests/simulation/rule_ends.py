"""The failure bucket, the table and the backfills of a simulation of the state rule, in memory."""

import json
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any, override

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import DeadLetters, to_dead_letter
from feature_events.records.change import Change, Item
from feature_events.records.stream_record import StreamRecord
from feature_events.tables.table import Page, Tables
from tests.simulation.backfill_ends import SEGMENTS, Seam, SeamCheckpoints
from tests.simulation.rule_truth import Reading
from tests.support.backfills import to_plan
from tests.support.lanes import Record

LETTERS, BATCHES = "dead-letters/", "aws/lambda/"
"""The prefixes of the bucket's objects, without archived ones."""


class MemoryBucket:
    """The failure bucket, with the part of boto3's S3 client that a redrive uses."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        """Store an object, as Lambda does for the on-failure destination."""
        self.objects[key] = body

    def records(self) -> Iterator[Record]:
        """Yield the records that are not archived."""
        for key, body in self.objects.items():
            if key.startswith(LETTERS):
                yield json.loads(body)["record"]
            elif key.startswith(BATCHES):
                yield from json.loads(body)["payload"]["Records"]

    def get_paginator(self, _: str) -> "MemoryBucket":
        """Return itself, since all objects fit on one page."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Any]:  # noqa: ARG002, N803  # boto3's names
        """Yield the objects with this prefix."""
        found = [{"Key": key, "Size": len(body)} for key, body in self.objects.items() if key.startswith(Prefix)]
        yield {"Contents": found}

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: ANN401, ARG002, N803  # as boto3 has it
        """Return the object."""
        return {"Body": BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803  # boto3's names
        """Store the object."""
        self.objects[Key] = Body

    def delete_objects(self, *, Bucket: str, Delete: Any) -> Any:  # noqa: ANN401, ARG002, N803  # as boto3 has it
        """Delete objects."""
        for each in Delete["Objects"]:
            del self.objects[each["Key"]]
        return {}


class Letters(DeadLetters):
    """The dead letters in the bucket, written without threads."""

    def __init__(self, bucket: MemoryBucket) -> None:
        self._objects = bucket.objects

    @override
    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        letter = to_dead_letter(record, poison, LETTERS)
        self._objects[letter.key] = letter.body
        return letter.key


class ReadTable(Tables):
    """A table that reports every item that a backfill reads, and that a redrive can read."""

    def __init__(self, seam: Seam, key_names: tuple[str, ...], report: Callable[[Item], object]) -> None:
        self.items: dict[str, Item] = {}
        """By place in the order of a scan. A place begins with the number of its segment."""
        self._seam = seam
        self._key_names = key_names
        self._report = report

    def place(self, item: Item) -> str:
        """Return an item's place in the order of a scan."""
        entity, resource = (item[name]["S"] for name in self._key_names)
        return f"{sum(entity.encode()) % SEGMENTS}-{entity}/{resource}"

    @override
    def get_item(self, change: Change, seconds: float) -> Item | None:
        """Return the item that has this change's keys now."""
        return self.items.get(self.place(change.keys))

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        start = "" if after is None else self.place(after)
        self._seam()
        places = sorted(place for place in self.items if place.startswith(f"{segment}-") and place > start)
        items = self._read(places[:limit])
        # Like DynamoDB, which returns a key to resume after if the limit was reached, even at the end
        return Page(items, {name: items[-1][name] for name in self._key_names} if len(items) == limit else None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        self._seam()
        return self._read([place for place in map(self.place, keys) if place in self.items])

    def _read(self, places: Sequence[str]) -> Sequence[Item]:
        items = [self.items[place] for place in places]
        self._seam()
        for item in items:
            self._report(item)
        return items


class Run:
    """A backfill."""

    def __init__(self, started: float, started_ms: int, seam: Seam) -> None:
        self.started = started
        """On the stream's clock."""
        self.started_ms = started_ms
        """On its own clock."""
        self.plan = to_plan(segments=SEGMENTS, workers=5, events_per_second=2)._replace(started_ms=started_ms)
        self.checkpoints = SeamCheckpoints(seam)
        self.numbers: dict[tuple[str, ...], int] = {}
        """The number of the change that wrote each item that was read last."""
        self.is_exact = True
        """False if an older event of an item may have followed a newer one, or an event was refused."""

    def to_reading(self, unit: tuple[str, ...]) -> Reading:
        """Return when and how this backfill has last read an item."""
        message_ms = self.started_ms // 1000 * 1000 - 1000
        is_reliable = self.is_exact and self.checkpoints.are_complete
        return Reading(self.started, message_ms, self.numbers[unit], is_reliable)
