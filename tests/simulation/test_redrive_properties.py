"""Test that no failure during a redrive loses a record, and that further runs settle every record."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from threading import Lock
from typing import Any, override
from unittest.mock import patch

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from feature_events.deadline import Deadline
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.failures.dead_letters import DeadLetters, read_record, to_dead_letter
from feature_events.failures.failure_store import FailureStore
from feature_events.failures.on_failure_batch import read_records
from feature_events.records.change import Change, Item
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import RedriveRequest
from feature_events.redrives.run import Redrive
from feature_events.tables.table import Tables
from tests.support.doubles import FakePublisher
from tests.support.failures import PREFIX, to_on_failure
from tests.support.pipelines import to_pipeline
from tests.support.records import Json, number_of, to_item, to_record, to_unreadable_record

LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
KINDS = ("good", "stale", "unreadable", "large", "removed")
OPERATIONS = ("ListObjectsV2", "GetObject", "PutObject", "DeleteObjects", "GetItem", "Produce")


class Faults:
    """Requests that fail once, by operation and object, in whichever thread they are made."""

    def __init__(self, planned: set[tuple[str, int]]) -> None:
        self._left = set(planned)
        self._lock = Lock()

    def take(self, operation: str, name: str) -> bool:
        """Return whether this request fails now."""
        fault = operation, sum(name.encode()) % 7
        with self._lock:
            fails = fault in self._left
            self._left.discard(fault)
        return fails

    def end(self) -> None:
        """Remove all faults."""
        self._left.clear()


class MemoryS3:
    """The part of boto3's S3 client that is used, on a bucket in memory."""

    def __init__(self, faults: Faults) -> None:
        self.objects: dict[str, bytes] = {}
        self._faults = faults

    def _check(self, operation: str, key: str) -> None:
        if self._faults.take(operation, key):
            raise ClientError({"Error": {"Code": "SlowDown"}}, operation)

    def get_paginator(self, _: str) -> "MemoryS3":
        """Return itself, since all objects fit on one page."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Json]:  # noqa: ARG002, N803  # boto3's names
        """Yield the objects with this prefix."""
        self._check("ListObjectsV2", Prefix)
        found = [{"Key": key, "Size": len(body)} for key, body in self.objects.items() if key.startswith(Prefix)]
        yield {"Contents": found}

    def get_object(self, *, Bucket: str, Key: str) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Return the object."""
        self._check("GetObject", Key)
        return {"Body": BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803  # boto3's names
        """Store the object."""
        self._check("PutObject", Key)
        self.objects[Key] = Body

    def delete_objects(self, *, Bucket: str, Delete: Json) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Delete objects, and return errors for those that failed."""
        errors = []
        for each in Delete["Objects"]:
            if self._faults.take("DeleteObjects", each["Key"]):
                errors.append({"Key": each["Key"], "Code": "InternalError"})
            else:
                del self.objects[each["Key"]]
        return {"Errors": errors}


class FaultyTables(Tables):
    """Tables with the current items of records, by the kinds of the records."""

    def __init__(self, kinds: Sequence[str], faults: Faults) -> None:
        self._kinds = kinds
        self._faults = faults

    @override
    def get_item(self, change: Change, seconds: float) -> Item | None:
        number = change.keys["bright_uid"]["S"]
        if self._faults.take("GetItem", number):
            raise Undelivered("the table cannot be read (ThrottlingException): try again later")
        return None if self._kinds[int(number)] == "stale" else change.new_image


class World:
    """A failure bucket, and the table and the topic of its records."""

    def __init__(self, kinds: Sequence[str], in_batches: Sequence[bool], faults: Faults) -> None:
        self.faults = faults
        self.s3 = MemoryS3(faults)
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.publisher.loses = self._loses
        self.records = [to_record_of(kind, number) for number, kind in enumerate(kinds)]
        self._tables = FaultyTables(kinds, faults)
        batch = []
        for record, in_batch in zip(self.records, in_batches, strict=True):
            if in_batch:
                batch.append(record)
            else:
                letter = to_dead_letter(record, PoisonRecord("it was bad"), PREFIX)
                self.s3.objects[letter.key] = letter.body
        for place in range(0, len(batch), 3):
            self.s3.objects[f"aws/lambda/m/s/2026/01/01/{place:04}"] = to_on_failure(batch[place : place + 3])
        self._before = dict(self.s3.objects)

    def _loses(self, message: Message) -> bool:
        return self.faults.take("Produce", message.key.decode())

    def run(self, prefix: str) -> RedriveReport | None:
        """Run a redrive, and return its report, or None if it failed."""
        with patch("boto3.client", return_value=self.s3), patch("time.sleep"):
            pipeline = to_pipeline(self.publisher, DeadLetters("failures", PREFIX), limit=1)
            run = Redrive(RedriveRequest(prefix), pipeline, FailureStore("failures", PREFIX), self._tables)
            with contextlib.suppress(Undelivered):
                run.run(Deadline(1e6), 20.0)
                return run.report()
        return None

    @property
    def has_all_objects(self) -> bool:
        """Whether the records of every object are still there, or in its archived copy."""
        now = self.s3.objects
        return all(
            any(read(key, now[place]) == read(key, body) for place in (key, f"redriven/{key}") if place in now)
            for key, body in self._before.items()
        )

    @property
    def sent(self) -> set[str]:
        """The sequence numbers of the messages in the topic."""
        return {dict(message.headers)["ce_sequence"].decode() for message in self.publisher.log}

    @property
    def kept(self) -> Mapping[str, list[str]]:
        """The sequence numbers of the records in each object that is not archived, by key."""
        return {
            key: [number_of(record) for record in read(key, body)]
            for key, body in self.s3.objects.items()
            if not key.startswith("redriven/")
        }


def read(key: str, body: bytes) -> Sequence[Json]:
    """Return the records of an object that has, or had, this key."""
    return [read_record(body)] if key.startswith(PREFIX) else read_records(body)  # type: ignore[return-value,list-item]  # written by this test


def to_record_of(kind: str, number: int) -> Json:
    """Return a record of this kind."""
    match kind:
        case "unreadable":
            return to_unreadable_record(number, entity=str(number))
        case "large":
            return to_record(number, entity=str(number), item=LARGE)
        case "removed":
            return to_record(number, entity=str(number), kind="REMOVE")
        case _:
            return to_record(number, entity=str(number))


@given(st.data())
def test_redrive__loses_nothing_and_settles_all_records(data: st.DataObject) -> None:
    """After each run, every record is sent or stored. Once the faults end, two runs settle all records."""
    kinds = data.draw(st.lists(st.sampled_from(KINDS), max_size=12))
    in_batches = data.draw(st.lists(st.booleans(), min_size=len(kinds), max_size=len(kinds)))
    planned: Any = data.draw(st.sets(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 6)), max_size=8))
    world = World(kinds, in_batches, Faults(planned))
    numbers = {
        kind: {number_of(each) for each, its in zip(world.records, kinds, strict=True) if its == kind} for kind in KINDS
    }
    left = numbers["stale"] | numbers["unreadable"] | numbers["large"]
    for run in range(2 * len(planned) + 2):
        if run == 2 * len(planned):
            world.faults.end()
        for prefix in (PREFIX, "aws/lambda/"):
            report = world.run(prefix)
            kept = world.kept
            assert numbers["good"] | left <= world.sent.union(*kept.values())
            assert world.has_all_objects
            if report is not None and report["complete"] and not report["unchecked"]:
                assert [key for key in kept if key.startswith(prefix) and not left.issuperset(kept[key])] == []
    assert world.sent == numbers["good"]
    assert sorted(world.kept.values()) == sorted([number] for number in left)
    assert all(key.startswith(f"{PREFIX}user_feature_store/{number}-") for key, [number] in world.kept.items())
    before = len(world.publisher.log)
    last = world.run(PREFIX)
    assert last is not None
    assert (last["complete"], last["records"], len(world.publisher.log)) == (True, len(left), before)
