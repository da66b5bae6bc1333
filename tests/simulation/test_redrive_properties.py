"""Whatever fails in the midst of a redrive, nothing is lost by it, and further runs bring each record to its end."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from threading import Lock
from typing import Any
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
from feature_events.redrives.report import Report
from feature_events.redrives.request import Request
from feature_events.redrives.run import Redrive
from tests.support.doubles import FakePublisher
from tests.support.failures import PREFIX, to_on_failure
from tests.support.pipelines import to_pipeline
from tests.support.records import Json, number_of, to_item, to_record, to_unreadable_record

LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
KINDS = ("good", "stale", "unreadable", "large", "removed")
OPERATIONS = ("ListObjectsV2", "GetObject", "PutObject", "DeleteObjects", "GetItem", "Produce")


class Faults:
    """What fails once, by operation and what it is on; the same whichever thread comes first."""

    def __init__(self, planned: set[tuple[str, int]]) -> None:
        self._left = set(planned)
        self._lock = Lock()

    def meet(self, operation: str, what: str) -> bool:
        """Whether this fails now."""
        fault = operation, sum(what.encode()) % 7
        with self._lock:
            fails = fault in self._left
            self._left.discard(fault)
        return fails

    def end(self) -> None:
        """Lets nothing fail any more."""
        self._left.clear()


class MemoryS3:
    """A bucket in memory, as far as it is used; boto3's names."""

    def __init__(self, faults: Faults) -> None:
        self.objects: dict[str, bytes] = {}
        self._faults = faults

    def _meet(self, operation: str, key: str) -> None:
        if self._faults.meet(operation, key):
            raise ClientError({"Error": {"Code": "SlowDown"}}, operation)

    def get_paginator(self, _: str) -> "MemoryS3":
        """Itself: what is asked for is one page."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Json]:  # noqa: ARG002, N803  # boto3's names
        """All objects whose keys begin so."""
        self._meet("ListObjectsV2", Prefix)
        found = [{"Key": key, "Size": len(body)} for key, body in self.objects.items() if key.startswith(Prefix)]
        yield {"Contents": found}

    def get_object(self, *, Bucket: str, Key: str) -> Json:  # noqa: ARG002, N803  # boto3's names
        """The object."""
        self._meet("GetObject", Key)
        return {"Body": BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803  # boto3's names
        """Keeps the object."""
        self._meet("PutObject", Key)
        self.objects[Key] = Body

    def delete_objects(self, *, Bucket: str, Delete: Json) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Deletes the objects, and tells which it did not."""
        errors = []
        for each in Delete["Objects"]:
            if self._faults.meet("DeleteObjects", each["Key"]):
                errors.append({"Key": each["Key"], "Code": "InternalError"})
            else:
                del self.objects[each["Key"]]
        return {"Errors": errors}


class World:
    """A bucket of what could not be delivered, and the table and topic that it came from and is for."""

    def __init__(self, kinds: Sequence[str], in_batches: Sequence[bool], faults: Faults) -> None:
        self.faults = faults
        self.s3 = MemoryS3(faults)
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.publisher.loses = self._loses
        self.records = [to_record_of(kind, number) for number, kind in enumerate(kinds)]
        self.kinds = kinds
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
        return self.faults.meet("Produce", message.key.decode())

    def find_item(self, change: Change) -> Item | None:
        """As the table has it, where it answers."""
        number = change.keys["bright_uid"]["S"]
        if self.faults.meet("GetItem", number):
            raise Undelivered("the table cannot be read (ThrottlingException): try again later")
        return None if self.kinds[int(number)] == "stale" else change.new_image

    def run(self, prefix: str) -> Report | None:
        """One run; None where it ended by an error."""
        with patch("boto3.client", return_value=self.s3), patch("time.sleep"):
            pipeline = to_pipeline(self.publisher, DeadLetters("failures", PREFIX), limit=1)
            run = Redrive(Request(prefix), pipeline, FailureStore("failures", PREFIX), self)
            with contextlib.suppress(Undelivered):
                run.run(Deadline(1e6), 20.0)
                return run.report()
        return None

    @property
    def has_all_objects(self) -> bool:
        """Whether the records of every object are where they were, or where it goes when they have come to an end."""
        now = self.s3.objects
        return all(
            any(read(key, now[place]) == read(key, body) for place in (key, f"redriven/{key}") if place in now)
            for key, body in self._before.items()
        )

    @property
    def sent(self) -> set[str]:
        """The sequence numbers of what is in the topic."""
        return {dict(message.headers)["ce_sequence"].decode() for message in self.publisher.log}

    @property
    def kept(self) -> Mapping[str, list[str]]:
        """Key -> the sequence numbers of the records in it; of what has not been moved out of the way."""
        return {
            key: [number_of(record) for record in read(key, body)]
            for key, body in self.s3.objects.items()
            if not key.startswith("redriven/")
        }


def read(key: str, body: bytes) -> Sequence[Json]:
    """The records in an object that has, or had, this key."""
    return [read_record(body)] if key.startswith(PREFIX) else read_records(body)  # type: ignore[return-value,list-item]  # they are ours


def to_record_of(kind: str, number: int) -> Json:
    """A record of this kind."""
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
def test_redrive__loses_nothing_and_ends(data: st.DataObject) -> None:
    """After each run every record is sent or still kept; without faults two runs are enough for all that can end."""
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
