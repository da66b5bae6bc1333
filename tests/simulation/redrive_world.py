"""A failure bucket, a table and a topic in memory, whose requests fail as planned."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import count
from threading import RLock
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError

from feature_events.deadline import Deadline
from feature_events.encoder import Encoded
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.failures.dead_letters import DeadLetters, read_record, to_dead_letter
from feature_events.failures.failure_store import FailureStore
from feature_events.failures.on_failure_batch import read_records
from feature_events.layouts.entity_features import FeaturesMode, Removals
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import RedriveRequest
from feature_events.redrives.run import Redrive
from feature_events.tables.table import Tables
from tests.support.doubles import FakePublisher
from tests.support.failures import PREFIX, to_on_failure
from tests.support.pipelines import to_pipeline, with_encoder
from tests.support.records import Json, number_of, to_item, to_record, to_removal_record, to_unreadable_record

BATCHES = "aws/lambda/"
LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
KINDS = ("good", "written", "deleted", "unreadable", "large", "removal", "recreated")
"""What the record says, and what was written after it."""
OPERATIONS = ("ListObjectsV2", "GetObject", "PutObject", "DeleteObjects", "GetItem", "Produce")
FAULTS = ("fail", "kill before", "kill after", "write")
"""A request fails; the run is killed before or after it; an item is written before it."""

type Fault = tuple[str, int]
"""An operation, and a number for the object or the item."""


class Killed(BaseException):
    """The end of an execution environment."""


class Clients:
    """The parts of boto3's clients that are used, on a bucket and a table in memory.

    Requests have the planned faults, each once, in whichever thread they are made.
    """

    def __init__(self, planned: Mapping[Fault, str]) -> None:
        self.planned = dict(planned)
        self.objects: dict[str, bytes] = {}
        self.items: dict[str, Json | None] = {}
        self.requests: list[tuple[str, str]] = []
        self._lock = RLock()

    @contextlib.contextmanager
    def request(self, operation: str, name: str) -> Iterator[None]:
        """Make a request with its fault, if one is planned."""
        place = sum(name.encode()) % 7
        with self._lock:
            fault = self.planned.pop((operation, place), "")
            self.requests.append((operation, name))
            if fault == "write":
                self.write(place)
        if fault == "kill before":
            raise Killed
        if fault == "fail":
            code = "ProvisionedThroughputExceededException" if operation == "GetItem" else "SlowDown"
            raise ClientError({"Error": {"Code": code}}, operation)
        yield
        if fault == "kill after":
            raise Killed

    def write(self, number: int) -> None:
        """Write an item; replaced by the world."""

    def get_paginator(self, _: str) -> "Clients":
        """Return itself, since all objects fit on one page."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Json]:  # noqa: ARG002, N803  # boto3's names
        """Yield the objects with this prefix."""
        with self.request("ListObjectsV2", Prefix):
            found = [{"Key": key, "Size": len(body)} for key, body in self.objects.items() if key.startswith(Prefix)]
        yield {"Contents": found}

    def get_object(self, *, Bucket: str, Key: str) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Return the object."""
        with self.request("GetObject", Key):
            return {"Body": BytesIO(self.objects[Key])}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803  # boto3's names
        """Store the object."""
        with self.request("PutObject", Key):
            self.objects[Key] = Body

    def delete_objects(self, *, Bucket: str, Delete: Json) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Delete objects, and return errors for those that failed."""
        errors = []
        for each in Delete["Objects"]:
            try:
                with self.request("DeleteObjects", each["Key"]):
                    del self.objects[each["Key"]]
            except ClientError:
                errors.append({"Key": each["Key"], "Code": "InternalError"})
        return {"Errors": errors}

    def get_item(self, *, TableName: str, Key: Json, ConsistentRead: bool) -> Json:  # noqa: ARG002, N803  # boto3's names
        """Return the item."""
        entity = Key["bright_uid"]["S"]
        with self.request("GetItem", entity):
            item = self.items[entity]
        return {} if item is None else {"Item": item}


class World:
    """A failure bucket, and the table and the topic of its records."""

    def __init__(self, kinds: Sequence[str], in_batches: Sequence[bool], clients: Clients) -> None:
        self.clients = clients
        self.mode: FeaturesMode = "all"
        self.removals: Removals = "events"
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.publisher.loses = self._loses
        self.records = [to_record_of(kind, number) for number, kind in enumerate(kinds)]
        self.last: dict[str, str] = {}
        """The sequence number of each item's last change."""
        self.written: set[str] = set()
        """The sequence numbers of the records whose items were written during a run."""
        self._kinds = kinds
        self._in_batches = in_batches
        self._numbers = count(1000)

    def fill(self) -> None:
        """Fill the bucket and the table. Later changes of an item are in the topic."""
        batch = []
        for number, (kind, record) in enumerate(zip(self._kinds, self.records, strict=True)):
            body = record["dynamodb"]
            self.clients.items[str(number)] = body.get("NewImage")
            self.last[str(number)] = number_of(record)
            if kind in ("written", "recreated"):
                self.write(number)
            if kind == "deleted":
                self._change(number, to_removal_record(next(self._numbers), entity=str(number)))
            if self._in_batches[number]:
                batch.append(record)
            else:
                letter = to_dead_letter(record, PoisonRecord("it was bad"), PREFIX)
                self.clients.objects[letter.key] = letter.body
        for place in range(0, len(batch), 3):
            self.clients.objects[f"{BATCHES}m/s/2026/01/01/{place:04}"] = to_on_failure(batch[place : place + 3])
        self._before = dict(self.clients.objects)
        self.clients.write = self._write_during_run  # type: ignore[method-assign]

    def write(self, number: int) -> None:
        """Write an item with other values, and announce it."""
        unique, old = next(self._numbers), self.clients.items[str(number)]
        kind = "INSERT" if old is None else "MODIFY"
        self._change(number, to_record(unique, entity=str(number), kind=kind, item=to_item(value=unique), old=old))

    def _write_during_run(self, number: int) -> None:
        if number < len(self.records):
            self.written.add(number_of(self.records[number]))
            self.write(number)

    def _change(self, number: int, record: Json) -> None:
        self.clients.items[str(number)] = record["dynamodb"].get("NewImage")
        self.last[str(number)] = number_of(record)
        encoded = self._to_pipeline().encoder.encode_record(record)
        if isinstance(encoded, Encoded):
            self.publisher.log.append(encoded.message)

    def _loses(self, message: Message) -> bool:
        try:
            with self.clients.request("Produce", message.key.decode()):
                return False
        except ClientError:
            return True

    def _to_pipeline(self) -> Any:  # noqa: ANN401  # a pipeline
        pipeline = to_pipeline(self.publisher, DeadLetters("failures", PREFIX), limit=1, features_mode=self.mode)
        return with_encoder(pipeline, removals=self.removals)

    def run(self, prefix: str, *, force: bool = False) -> RedriveReport | None:
        """Run a redrive, and return its report, or None if it failed or was killed."""
        with patch("boto3.client", return_value=self.clients), patch("time.sleep"):
            store, request = FailureStore("failures", PREFIX), RedriveRequest(prefix, force=force)
            redrive = Redrive(request, self._to_pipeline(), store, Tables())
            with contextlib.suppress(Undelivered, Killed):
                redrive.run(Deadline(1e6), 20.0)
                return redrive.report()
        return None

    @property
    def has_all_objects(self) -> bool:
        """Whether the records of every object are still there, or in its archived copy."""
        now = self.clients.objects
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
            for key, body in self.clients.objects.items()
            if not key.startswith("redriven/")
        }

    @property
    def state(self) -> Mapping[str, str]:
        """The sequence number of each item's current event, by the state rule."""
        current: dict[str, tuple[int, int]] = {}
        for message in self.publisher.log:
            entity, number = message.key.decode(), int(dict(message.headers)["ce_sequence"])
            current[entity] = max(current.get(entity, (0, 0)), (message.timestamp_ms, number))
        return {entity: str(number) for entity, (_, number) in current.items()}


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
        case "removal" | "recreated":
            return to_removal_record(number, entity=str(number), old=to_item())
        case _:
            return to_record(number, entity=str(number))
