"""Hands what was given up to the line once more: dead letters, and the batches that Lambda put aside.

A person runs it when the cause is mended, with `sam remote invoke`. It sends what still stands and moves it under
`redriven/`; the rest it leaves where it is, so that it can be run again and again, and a second run does what the first
did not come to.
"""

import heapq
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, Protocol, TypedDict, cast

from feature_events.aws.clients import PARALLEL
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, PoisonRecord, Undelivered
from feature_events.failures.current_items import PresentItems, are_equal
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.failure_store import ON_FAILURE_PREFIX, Failure, FailureStore, StoredObject
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features, read_features
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.records.change import Change, Item, read_change
from feature_events.records.position import StreamRecord, read_position
from feature_events.wiring import ANSWER_SECONDS, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

DEFAULT_SECONDS = 45
"""How long a run goes on where the request does not say: `sam remote invoke` waits a minute, then it asks again."""
MAX_SECONDS = 700
"""With what the last chunk may take beyond that, still within the time-out that Lambda allows at most."""

# What is held in memory at once, and what is done again where a run is ended from outside
_CHUNK_BYTES = 8_000_000
_CHUNK_OBJECTS = 200

# How many objects one run takes; the next begins behind them
_MOST_OBJECTS = 50_000

# With less than this to go no further chunk is begun; it is many times what one takes where all is well
_CHUNK_SECONDS = 10.0

# How long and how often a record of an on-failure batch is tried to be put
_KEEP_SECONDS = 60.0
_KEEP_ATTEMPTS = 5
_PUTS_AT_ONCE = 8  # fewer than the connections that the dead letters' client keeps

_EXAMPLES = 20


class End(StrEnum):
    """What became of a record."""

    DELIVERED = "delivered"
    """Kafka acknowledged its event."""
    SKIPPED = "skipped"
    """It rightly gives no event."""
    STALE = "stale"
    """Its table has another item now, and `force` was not asked for."""
    POISON = "poison"
    """It still cannot become an event."""
    UNCHECKED = "unchecked"
    """Its table could not be asked whether it is stale."""
    UNDELIVERED = "undelivered"
    """It did not work now; another run may do it."""
    DELIVERABLE = "deliverable"
    """In a dry run: a run would send its event."""


_LEFT = (End.STALE, End.POISON, End.UNCHECKED)


class Example(TypedDict):
    """A record that was not delivered, and why."""

    object: str
    sequence_number: str | None
    end: End
    reason: str


class Report(TypedDict):
    """What a run did: how many records came to which end, and how many objects."""

    dry_run: bool
    complete: bool
    """Whether all that was asked for has been looked at, and nothing in it failed that stopped the run."""
    objects: int
    records: int
    delivered: int
    skipped: int
    stale: int
    poison: int
    unchecked: int
    undelivered: int
    deliverable: int
    oldest: str | None
    """When the oldest change was made whose event was to be sent; Kafka may keep less than that."""
    moved: int
    """Objects that went to `redriven/`."""
    missing: int
    """Objects that are not there: asked for by key and redriven before, or taken by another run meanwhile."""
    unreadable: int
    """Objects that are no dead letter and no on-failure batch, or may not be read; they are left alone."""
    examples: Sequence[Example]
    """The first of those that were not delivered; the log has them all."""
    next: NotRequired[Mapping[str, Any]]
    """The request that goes on from here, where it is not complete."""


class Request(NamedTuple):
    """What is asked for; the fields are the request's own names."""

    prefix: str | None = None
    """All objects whose keys begin so."""
    keys: Sequence[str] = ()
    """These objects."""
    dry_run: bool = False
    """Only says what a run would do."""
    force: bool = False
    """Sends also what is stale."""
    after: str | None = None
    """Only what comes behind the object of this key."""
    seconds: int = DEFAULT_SECONDS
    """How long to go on."""


class Tables(Protocol):
    """What a run needs of the tables; `present_items.PresentItems` is the one in DynamoDB."""

    def find_item(self, change: Change) -> Item | None:
        """See `present_items.PresentItems.find_item`."""
        ...


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> Report:
    """Redrives what the request names (the fields of `Request`) and reports what became of it.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong.
        Undelivered: S3 or DynamoDB did not answer. What was done stays done.

    """
    settings, pipeline = wire()
    if settings.dead_letter_bucket is None:
        raise Misconfigured("there is nothing to redrive from: set DEAD_LETTER_BUCKET")
    request = read_request(event, (settings.dead_letter_prefix, ON_FAILURE_PREFIX))
    store = FailureStore(settings.dead_letter_bucket, settings.dead_letter_prefix)
    run = Redrive(request, pipeline, store, PresentItems())
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    try:
        run.run(Deadline(min(request.seconds, left)), settings.delivery_timeout_ms / 1000)
    finally:
        report = run.report()
        logger.info("redriven", extra={"report": report})
    return report


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_flag(value: object) -> bool:
    return type(value) is bool


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "prefix": (_is_text, "a text"),
    "keys": (lambda value: type(value) is list and all(map(_is_text, value)), "a list of texts"),
    "dry_run": (_is_flag, "true or false"),
    "force": (_is_flag, "true or false"),
    "after": (_is_text, "a text"),
    "seconds": (lambda value: type(value) is int and 1 <= value <= MAX_SECONDS, f"from 1 to {MAX_SECONDS}"),
}


def read_request(event: Mapping[str, Any], prefixes: Sequence[str]) -> Request:
    """Reads the request; what is to be redriven has to be under one of the prefixes.

    Raises:
        Misconfigured: with every mistake in it.

    """
    mistakes = [f"{name} is not known" for name in event if name not in _FIELDS]
    mistakes += [
        f"{name} is not {what}"
        for name, (is_right, what) in _FIELDS.items()
        if name in event and not is_right(event[name])
    ]
    if not mistakes:
        wanted = event.get("keys", [event.get("prefix", "")])
        if ("prefix" in event) == ("keys" in event):
            mistakes.append("it names either a prefix or keys")
        elif not all(key.startswith(tuple(prefixes)) for key in wanted):
            mistakes.append(f"what can be redriven is under {' and '.join(prefixes)}")
    if mistakes:
        example = f'{{"prefix": "{prefixes[0]}", "dry_run": true}}'
        raise Misconfigured(f"the request cannot be: {'; '.join(mistakes)}; ask for what there is by {example}")
    return Request(**event)


class _Found:
    """A record in an object, and what becomes of it."""

    def __init__(self, record: StreamRecord, failure: Failure) -> None:
        self.record = record
        self.failure = failure
        self.end = End.DELIVERABLE
        self.reason = ""

    def become(self, end: End, reason: str) -> None:
        self.end = end
        self.reason = reason

    @property
    def waits(self) -> bool:
        """Whether the object has to stay for it; of what an on-failure batch cannot send, a dead letter was made."""
        return self.end is End.UNDELIVERED or (self.end in _LEFT and self.failure.is_dead_letter)


class Redrive:
    """One run.

    Args:
        request: what is asked for.
        pipeline: the line; its dead-letter store takes what an on-failure batch holds and cannot be sent.
        store: where to read from.
        tables: where the records came from.

    """

    def __init__(self, request: Request, pipeline: Pipeline, store: FailureStore, tables: Tables) -> None:
        self._request = request
        # Whoever runs it means it, so no limit holds it up
        self._pipeline = pipeline._replace(limit=DeadLetterLimit(sys.maxsize))
        self._store = store
        self._tables = tables
        self._ends: Counter[End] = Counter()
        self._objects = self._moved = self._missing = self._unreadable = 0
        self._oldest_ms: int | None = None
        self._examples: list[Example] = []
        self._after = request.after
        self._is_complete = False

    def run(self, deadline: Deadline, delivery_seconds: float) -> None:
        """Goes on until all is done, the deadline is near, or something did not work.

        Args:
            deadline: when the run is to end; it may take longer by what one chunk takes.
            delivery_seconds: the longest to wait for Kafka.

        Raises:
            Misconfigured: a person has to change something first.
            Undelivered: S3 or DynamoDB did not answer.

        """
        objects = self._find()
        for number, chunk in enumerate(_to_chunks(objects)):
            if number and deadline.remaining() < _CHUNK_SECONDS:
                return
            failures = self._read(chunk)
            found = [_Found(record, failure) for failure in failures for record in failure.records or ()]
            seconds = max(_CHUNK_SECONDS, deadline.remaining())
            self._look(found, Deadline(seconds))
            if not self._request.dry_run:
                self._split(found)
                self._send(found, min(delivery_seconds, seconds))
            self._count(found)
            if not self._request.dry_run:
                self._move(failures, found)
            undone = {each.failure.key for each in found if each.end is End.UNDELIVERED}
            for stored in chunk:
                if stored.key in undone:
                    return
                self._after = stored.key
        self._is_complete = len(objects) < _MOST_OBJECTS

    def report(self) -> Report:
        """What has been done so far."""
        ends, request = self._ends, self._request
        report = Report(
            dry_run=request.dry_run,
            complete=self._is_complete,
            objects=self._objects,
            records=ends.total(),
            delivered=ends[End.DELIVERED],
            skipped=ends[End.SKIPPED],
            stale=ends[End.STALE],
            poison=ends[End.POISON],
            unchecked=ends[End.UNCHECKED],
            undelivered=ends[End.UNDELIVERED],
            deliverable=ends[End.DELIVERABLE],
            oldest=_to_iso(self._oldest_ms),
            moved=self._moved,
            missing=self._missing,
            unreadable=self._unreadable,
            examples=self._examples,
        )
        if not self._is_complete:
            defaults = Request()._asdict()
            asked = request._replace(after=self._after)._asdict()
            report["next"] = {name: value for name, value in asked.items() if value != defaults[name]}
        return report

    def _find(self) -> list[StoredObject]:
        """The objects that are asked for, in the order in which they are done."""
        request, after = self._request, self._request.after
        if request.prefix is not None:
            stored = self._store.list(request.prefix)
        else:
            keys = [key for key in dict.fromkeys(request.keys) if after is None or _to_order(key) > _to_order(after)]
            there = list(self._store.find(keys))
            self._missing += len(keys) - len(there)
            stored = iter(there)
        behind = (each for each in stored if after is None or _to_order(each.key) > _to_order(after))
        return heapq.nsmallest(_MOST_OBJECTS, behind, key=lambda each: _to_order(each.key))

    def _read(self, chunk: Sequence[StoredObject]) -> Sequence[Failure]:
        failures = self._store.read(chunk)
        self._objects += len(failures)
        self._missing += len(chunk) - len(failures)
        for failure in failures:
            if failure.records is None:
                self._unreadable += 1
                logger.warning("object not redriven", object=failure.key, reason=failure.obstacle)
        return failures

    def _look(self, found: Sequence[_Found], deadline: Deadline) -> None:
        """Finds what cannot or should not be sent."""
        fresh: list[tuple[_Found, Change, int]] = []
        for each in found:
            try:
                messages, skipped, bad = self._pipeline.prepare([each.record], range(1))
            except Misconfigured as error:
                each.become(End.POISON, str(error))
                continue
            if bad:
                each.become(End.POISON, str(bad[0]))
            elif skipped:
                each.become(End.SKIPPED, "")
            else:
                change = cast("Change", read_change(each.record))  # its message was made
                fresh.append((each, change, messages[0].timestamp_ms))
        if not self._request.force:
            with ThreadPoolExecutor(PARALLEL) as pool:
                list(pool.map(lambda one: self._check(one[0], one[1], deadline), fresh))
        for each, _, timestamp_ms in fresh:
            if each.end is End.DELIVERABLE:
                self._oldest_ms = min(timestamp_ms, self._oldest_ms or timestamp_ms)

    def _check(self, each: _Found, change: Change, deadline: Deadline) -> None:
        """Finds whether the table still has what this change left."""
        if not deadline.remaining():
            each.become(End.UNCHECKED, "there was no time left to ask its table")
            return
        try:
            item = self._tables.find_item(change)
        except FeatureEventsError as error:
            each.become(End.UNCHECKED, str(error))
            return
        if item is None:
            each.become(End.STALE, "its item is no longer there")
        elif not self._still_stands(change, item):
            each.become(End.STALE, "its item was written since")

    def _still_stands(self, change: Change, item: Item) -> bool:
        """Whether no later write of this item has announced, or will, what this one has to."""
        if self._pipeline.features_mode == "all":
            return are_equal(item, change.new_image)
        # A write that left these features as they were has announced none of them
        layout = self._pipeline.layout
        entity = cast("EntityFeatures", read_entity_features(change, layout, "changed"))  # its message was made
        then = read_features(change.new_image, layout) or {}
        try:
            now = read_features(item, layout) or {}
        except PoisonRecord:
            return False
        return all(name in now and are_equal(now[name], then[name]) for name in entity.features)

    def _split(self, found: Sequence[_Found]) -> None:
        """Makes dead letters of what on-failure batches hold and cannot send, so that the batches can be moved.

        Before anything of them is sent: a batch that cannot be split stays, and is not to be sent again by each run.
        """
        deadline = Deadline(_KEEP_SECONDS)
        waiting = [each for each in found if each.end in _LEFT and not each.failure.is_dead_letter]
        for attempt in range(_KEEP_ATTEMPTS):
            if attempt:
                time.sleep(min(2**attempt / 10, deadline.remaining()))
            obstacles = self._keep(waiting, deadline)
            waiting = [each for each, obstacle in zip(waiting, obstacles, strict=True) if obstacle is not None]
            if not waiting:
                return
        unsplit = {each.failure.key for each in waiting}
        for each in found:
            if each.failure.key in unsplit:
                each.become(End.UNDELIVERED, "its batch could not be split: the failure bucket does not take it")

    def _keep(self, found: Sequence[_Found], deadline: Deadline) -> Sequence[str | None]:
        """Makes a dead letter of each of these; why not, where that did not work."""

        def put(each: _Found) -> str | None:
            try:
                self._pipeline.dead_letters.put(each.record, PoisonRecord(each.reason), deadline)
            except Undelivered as error:
                return str(error)
            return None

        first = [put(each) for each in found[:1]]  # alone, since the first put makes the client
        with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
            return first + list(pool.map(put, found[1:]))

    def _send(self, found: Sequence[_Found], seconds: float) -> None:
        """Runs the line on what can be sent."""
        ready = sorted([each for each in found if each.end is End.DELIVERABLE], key=_to_place)
        if not ready:
            return
        outcome = self._pipeline.run([each.record for each in ready], Deadline(seconds))
        for position, each in enumerate(ready):
            if outcome.is_dead_lettered(position):
                each.become(End.POISON, "Kafka refuses it; its dead letter says why")
            elif outcome.is_undelivered(position):
                each.become(End.UNDELIVERED, "Kafka did not acknowledge it; the log says why")
            else:
                each.become(End.DELIVERED, "")

    def _move(self, failures: Sequence[Failure], found: Sequence[_Found]) -> None:
        """Moves the objects of which every record has come to an end."""
        waiting = {each.failure.key for each in found if each.waits}
        finished = [each for each in failures if each.records is not None and each.key not in waiting]
        self._store.move(finished)
        self._moved += len(finished)

    def _count(self, found: Sequence[_Found]) -> None:
        for each in found:
            self._ends[each.end] += 1
            if each.reason:
                number = read_position(each.record).sequence_number
                example = Example(object=each.failure.key, sequence_number=number, end=each.end, reason=each.reason)
                logger.warning("record not redriven", extra={"table": read_position(each.record).table, **example})
                if len(self._examples) < _EXAMPLES:
                    self._examples.append(example)


def _to_place(each: _Found) -> tuple[str, int, str]:
    """Sorts records of a table by their place in its stream, from whichever objects they are."""
    number = read_position(each.record).sequence_number or ""
    return read_position(each.record).table or "", len(number), number


def _to_order(key: str) -> tuple[str, int, str]:
    """Sorts a table's dead letters by their sequence numbers, which are not all of one length.

    A name is `NUMBER-EVENTID.json`, or `NUMBER.json` as up to 0.1.0.
    """
    directory, _, name = key.rpartition("/")
    number = name.removesuffix(".json").partition("-")[0]
    return directory, len(number), name


def _to_chunks(stored: Iterable[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    """The same objects, in runs of bounded size; a larger object is alone."""
    chunk: list[StoredObject] = []
    size = 0
    for each in stored:
        if chunk and (len(chunk) == _CHUNK_OBJECTS or size + each.size > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += each.size
    if chunk:
        yield chunk


def _to_iso(epoch_ms: int | None) -> str | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")
