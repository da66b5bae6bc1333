"""The failure bucket, DynamoDB and the backfills of a simulation of the state rule, in memory."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, override

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import DeadLetters, to_dead_letter
from feature_events.records.change import Item
from feature_events.records.stream_record import StreamRecord
from tests.simulation.backfill_ends import SEGMENTS, Seam, SeamCheckpoints, SeamDynamoDB
from tests.simulation.rule_truth import Reading
from tests.support.backfills import KEY_NAMES, to_plan
from tests.support.lanes import Record
from tests.support.records import Json

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


class ReadDynamoDB(SeamDynamoDB):
    """A DynamoDB client that reports every item that a backfill reads. A redrive can read items too."""

    def __init__(self, seam: Seam, report: Callable[[Item], object]) -> None:
        super().__init__(seam)
        self._report = report

    @override
    def place(self, item: Item) -> str:
        return f"{super().place(item)}/{item[KEY_NAMES[1]]['S']}"

    def get_item(self, **request: Any) -> Json:  # noqa: ANN401  # the request's fields
        """Return one item."""
        item = self.items.get(self.place(request["Key"]))
        return {} if item is None else {"Item": item}

    @override
    def scan(self, **request: Any) -> Json:
        page = super().scan(**request)
        for item in page["Items"]:
            self._report(item)
        return page

    @override
    def batch_get_item(self, **request: Any) -> Json:
        found = super().batch_get_item(**request)
        for items in found["Responses"].values():
            for item in items:
                self._report(item)
        return found


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
