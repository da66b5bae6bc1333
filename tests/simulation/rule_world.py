"""A world for the state rule: a table, its streams and failures, backfills, redrives, and consumers of one topic.

The pipeline, the publisher, the redrive and the backfill's workers are real. Consumers read the topic after every step,
and their state must equal the table's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any
from unittest.mock import patch
from uuid import UUID

from feature_events.aws import clients as clients_module
from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.failures.failure_store import FailureStore
from feature_events.kafka import producer as producer_module
from feature_events.pipeline import Pipeline
from feature_events.redrives import run as redrive_module
from feature_events.redrives.request import RedriveRequest
from feature_events.settings.settings import Settings
from feature_events.tables import table as table_module
from feature_events.tables.table import Tables
from tests.simulation.backfill_ends import SEGMENTS, SeamPublisher
from tests.simulation.cluster import connect
from tests.simulation.instances import Instance
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.rule_ends import BATCHES, LETTERS, Letters, MemoryBucket, ReadDynamoDB, Run
from tests.simulation.rule_table import (
    ACCEPT,
    CHANGES,
    DELIVER,
    KILL,
    LOSE,
    NAMES,
    NOTHING,
    REFUSE,
    Move,
    Unit,
    WrittenTable,
    read_keys,
)
from tests.simulation.rule_truth import Reading, Whereabouts
from tests.simulation.state_reader import Event, Reader, read_event
from tests.simulation.world import MAPPING
from tests.support.doubles import FakeClock
from tests.support.mapping import EventSourceMapping
from tests.support.modelled_kafka import Fate, Killed, ModelledKafka, Written

_DELIVERY_SECONDS = 12.0
_PAGE_DELIVERY_SECONDS = 40.0


class RuleWorld:
    """The world and its invariant."""

    def __init__(self, settings: Settings, watched: frozenset[str] = frozenset(INVARIANTS)) -> None:
        self._settings = settings
        self._watched = watched
        self.clock = FakeClock(1_760_200_000.0)
        self.kafka = ModelledKafka(self.clock)
        self.kafka.rejects = self._rejects
        self.is_refusing = False
        self._refusals = 0
        self.bucket = MemoryBucket()
        self.mapping = EventSourceMapping(self._invoke, MAPPING, self.clock, self.bucket)
        self._dynamodb = ReadDynamoDB(self._seam, self._note_reading)
        self.table = WrittenTable(settings, self.mapping, self.clock, self._dynamodb)
        self.runs: list[Run] = []
        self.redrives = self.redriven = self.kills = self.checks = 0
        self._readers = [Reader(self._to_unit, drops_duplicates=drops) for drops in (False, True)]
        self._offsets = [0] * len(self.kafka.logs)
        self._left: set[str] = set()
        """The ids of the changes that a redrive has left in the bucket as stale."""
        self._run: Run | None = None
        self._moves: list[Move] = []
        self._fates: list[Fate] = []
        self._live: Pipeline | None = None
        self._late: Pipeline | None = None

    @contextmanager
    def running(self) -> Iterator["RuleWorld"]:
        """Connect the functions to this world."""
        with (
            connect(
                self.kafka,
                (producer_module, "run_within", _run_now),
                (clients_module, "run_within", _run_now),
                (table_module, "make_tables_client", lambda *_, **__: self._dynamodb),
                (redrive_module, "Deadline", partial(Deadline, clock=self.clock)),
            ),
            patch("boto3.client", return_value=self.bucket),
        ):
            yield self

    def move(self, move: Move) -> None:
        """Perform one move."""
        self.clock.seconds += move.tenths / 10
        if move.kind in CHANGES:
            self.table.change(move)
        elif move.kind == LOSE:
            self.table.lose_next()
        elif move.kind in (REFUSE, ACCEPT):
            self.is_refusing = move.kind == REFUSE
        elif move.kind == DELIVER:
            self.deliver(move.number)
        elif move.kind == KILL:
            raise Killed

    def deliver(self, number: int, fate: Fate = Fate.WRITTEN) -> None:
        """Invoke the live function for one lane. Its first record batch has this fate."""
        ready = self.mapping.ready()
        if ready:
            self.kafka.fates.append(fate)
            self.mapping.step(ready[number % len(ready)])
            self.kafka.fates.clear()

    def drain(self) -> None:
        """Deliver all records without faults."""
        while self.mapping.ready():
            self.deliver(0)

    def start(self, skew: float) -> None:
        """Start a backfill, whose clock is ahead of the stream's by this number of seconds."""
        self.runs.append(Run(self.clock(), round((self.clock() + skew) * 1000), self._seam))

    def work(self, number: int, segment: int, moves: Sequence[Move], fates: Sequence[Fate]) -> None:
        """Run a worker of a backfill on a segment.

        Args:
            number: the number of the backfill.
            segment: the segment's number.
            moves: what happens between the worker's steps.
            fates: the fates of the worker's record batches.

        """
        run = self._run = self.runs[number]
        run.is_exact = run.is_exact and Fate.LATE not in fates
        pace = Pace(1000.0, self.clock, self._sleep)
        pipeline, tables = self._to_late(), Tables(self._sleep)
        announcement = Announcement(run.plan, pipeline, tables, _PAGE_DELIVERY_SECONDS, "request")
        worker = Worker(run.plan, announcement, run.checkpoints, pace, self.clock)
        with self._between(moves, fates):
            worker.work(segment, Deadline(600, self.clock), Deadline(660, self.clock))

    def redrive(self, *, force: bool, moves: Sequence[Move], fates: Sequence[Fate]) -> None:
        """Redrive the on-failure batches and the dead letters."""
        self.redrives += 1
        refusals = self._refusals
        with self._between(moves, fates):
            reports = []
            for prefix in (BATCHES, LETTERS):
                request = RedriveRequest(prefix, force=force)
                run = redrive_module.Redrive(request, self._to_late(), FailureStore("failures", LETTERS), Tables())
                run.run(Deadline(600, self.clock), _DELIVERY_SECONDS)
                reports.append(run.report())
                self.redriven += reports[-1]["delivered"]
            if refusals == self._refusals and all(each["complete"] and not each["unchecked"] for each in reports):
                self._left |= {record["eventID"] for record in self.bucket.records()}

    def complete(self) -> None:
        """Complete all backfills."""
        for number, run in enumerate(self.runs):
            for segment in range(SEGMENTS):
                if not run.checkpoints.read(segment).is_complete:
                    self.work(number, segment, [], [])

    def finish(self) -> None:
        """End all faults, complete the backfills, drain the stream, redrive, and check."""
        self.is_refusing = False
        self.kafka.catch_up()
        self.complete()
        assert all(run.checkpoints.are_complete for run in self.runs)
        self.drain()
        self.check()
        self.redrive(force=False, moves=[], fates=[])
        self.check()

    def check(self) -> None:
        """Let the consumers read the topic, and compare their state with the table.

        Raises:
            Broken: they differ.

        """
        events = list(self._read_topic())
        only_changed = self._settings.features_mode == "changed"
        outstanding = cache(self._find_outstanding)
        found: list[str] = []
        for reader in self._readers:
            reader.read(events)
            for unit, truth in self.table.truths.items():
                where = Whereabouts(reader.seen, outstanding, self._find_readings(unit))
                if wrong := truth.find_wrong(reader.state, unit, where, only_changed=only_changed):
                    found.append(f"{'/'.join(unit[1:])}: {wrong}")
        self.checks += 1
        if found and "I19" in self._watched:
            raise Broken({"I19": "; ".join(found)})

    def _read_topic(self) -> Iterator[Event]:
        """Yield the events since the last check."""
        for partition, log in enumerate(self.kafka.logs):
            for offset in range(self._offsets[partition], len(log)):
                yield read_event(log[offset], offset)
            self._offsets[partition] = len(log)

    def _to_unit(self, event: Event) -> Unit:
        return event.item + event.features if self.table.has_one_feature else event.item

    def _find_readings(self, unit: Unit) -> Sequence[Reading]:
        return [run.to_reading(unit) for run in self.runs if unit in run.numbers]

    def _find_outstanding(self) -> set[str]:
        """Return the ids of the changes that are in the stream, or that a redrive may still send."""
        in_bucket = {record["eventID"] for record in self.bucket.records()}
        ids = {record["eventID"] for record in self.mapping.pending()} | (in_bucket - self._left)
        return {str(UUID(each)) for each in ids}

    def _rejects(self, message: Written) -> bool:
        """Return whether Kafka refuses a message."""
        is_refused = self.is_refusing and NAMES[-1].encode() in message.value
        self._refusals += is_refused
        if is_refused and self._run is not None and "ce_backfill" in dict(message.headers):
            self._run.is_exact = False
        return is_refused

    def _note_reading(self, item: Any) -> None:  # noqa: ANN401  # DynamoDB's JSON
        """Note that a backfill has read an item."""
        run = self._run
        assert run is not None
        run.numbers[self.table.to_unit(read_keys(item))] = int(item["change"]["N"])

    @contextmanager
    def _between(self, moves: Sequence[Move], fates: Sequence[Fate]) -> Iterator[None]:
        """Let these moves happen between the steps of a function, whose record batches have these fates."""
        self._moves, self._fates = list(moves), list(fates)
        try:
            with suppress(Undelivered, Misconfigured):
                yield
        except Killed:
            self.kills += 1
            self._late = None
        finally:
            self._moves, self._fates = [], []
            self.kafka.fates.clear()

    def _seam(self) -> None:
        """Perform the moves between two steps, up to the first NOTHING."""
        while self._moves:
            move = self._moves.pop(0)
            self.move(move)
            if move.kind == NOTHING:
                return

    def _meet(self) -> None:
        """Set the fate of the next record batch of a backfill or redrive."""
        if self._fates:
            self.kafka.fates.append(self._fates.pop(0))

    def _sleep(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def _invoke(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # the response is JSON
        """Invoke the live function."""
        self._live = self._live or self._to_pipeline()
        try:
            return self._live.run(event["Records"], Deadline(_DELIVERY_SECONDS, self.clock)).response()
        except Killed:
            self._live = None
            raise

    def _to_late(self) -> Pipeline:
        """Return the pipeline of the backfill and the redrive, with a seam before and after each send."""
        if self._late is None:
            pipeline = self._to_pipeline()
            self._late = pipeline._replace(publisher=SeamPublisher(pipeline.publisher, self._seam, self._meet))
        return self._late

    def _to_pipeline(self) -> Pipeline:
        """Return the pipeline of a new execution environment."""
        return Instance(self._settings, Letters(self.bucket), self.clock).wired[1]


def _run_now[T](_seconds: float, function: Callable[[], T], _watch: Callable[[], None] | None = None) -> T:
    """Replace `run_within`: nothing hangs here, and threads would take most of a history's time."""
    return function()
