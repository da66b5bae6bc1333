"""A small world for a backfill during live events: one table, its stream and mapping, workers, and one topic.

The handler of the backfill, the pipeline and the publishers are real. The invariants compare the topic with the table,
and do not rely on what the code reports.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from feature_events import backfill as backfill_module
from feature_events.aws import clients as clients_module
from feature_events.backfills import announcement as announcement_module
from feature_events.backfills.work import Pace
from feature_events.deadline import Deadline
from feature_events.epoch import to_iso
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka import producer as producer_module
from feature_events.pipeline import Pipeline
from feature_events.records.change import Item
from feature_events.tables import table as table_module
from feature_events.tables.table import Description, Tables
from tests.simulation.backfill_ends import SEGMENTS, Runs, SeamDynamoDB, SeamPublisher
from tests.simulation.backfill_reader import BackfillReader, read_features
from tests.simulation.cluster import connect
from tests.simulation.instances import Instance, Store
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.world import MAPPING, SETTINGS
from tests.support.backfills import KEY_NAMES, TABLE_ARN
from tests.support.doubles import FakeClock, FakeContext
from tests.support.mapping import EventSourceMapping
from tests.support.modelled_kafka import Fate, Killed, ModelledKafka
from tests.support.on_failure import MemoryStore
from tests.support.records import to_item, to_record

WRITE, FLIP, TOUCH, EMPTY, DELETE = "write", "flip", "touch", "empty", "delete"
DELIVER, KILL, NOTHING = "deliver", "kill", "nothing"
MOVES = (WRITE, FLIP, TOUCH, EMPTY, DELETE, DELIVER, KILL, NOTHING)
"""What can happen between two steps of a worker. NOTHING means that the next step follows.

FLIP switches an item between two states. TOUCH changes only what is not in an item's event.
"""

FATES = tuple(fate for fate in Fate if fate is not Fate.LATE)
"""The fates of record batches. A batch written after its producer was closed could follow any event unnoticed."""

ENTITIES = 4
_ROUNDS = 8
"""Fewer than the default. Only an item that is written between any two steps changes in so many rounds."""
_RUN_SECONDS = 60.7
"""The time between the starts of two runs."""
_FLIP, _FLOP = to_item(("flip", "age")), to_item(("flop", "age"))
_DELIVERY_SECONDS = 12.0
_CONTEXT = FakeContext(900_000)
_REQUEST = {"table": "user_feature_store", "segments": SEGMENTS, "workers": 5, "events_per_second": 2}
"""Two items a page."""

type Move = tuple[str, int]
"""What happens, and the number of the entity or lane."""


class BackfillWorld:
    """The world and its invariants."""

    def __init__(self, watched: frozenset[str] = frozenset(INVARIANTS)) -> None:
        self._watched = watched
        self.clock = FakeClock(1_760_200_000.0)
        self.kafka = ModelledKafka(self.clock)
        self.mapping = EventSourceMapping(self._invoke, MAPPING, self.clock, MemoryStore())
        self.mapping.add_shard("shard-0")
        self.table = SeamDynamoDB(self._seam)
        self.runs = Runs(self._seam)
        self.run = ""
        """The name of the current run."""
        self.writes = self.kills = self.failures = 0
        self.reader = BackfillReader(self.kafka.logs, self.table.items)
        self._hot: int | None = None
        """The entity that is written between any two steps."""
        self._moves: list[Move] = []
        self._fates: list[Fate] = []
        self._live: Pipeline | None = None
        self._backfill: Pipeline | None = None
        for entity in range(ENTITIES):  # before the stream was enabled
            self._put(entity, _FLIP)

    @contextmanager
    def running(self) -> Iterator["BackfillWorld"]:
        """Connect both functions to this world."""
        module = backfill_module
        with connect(
            self.kafka,
            (producer_module, "run_within", _run),
            (clients_module, "run_within", _run),
            (table_module, "make_tables_client", lambda *_, **__: self.table),
            (module, "wire", lambda _: (SETTINGS, self._to_worker_pipeline())),
            (module, "Checkpoints", self.runs.open),
            (module, "find_runs", self.runs.find),
            (module, "describe_table", lambda _: Description(TABLE_ARN, KEY_NAMES, None, {})),
            (module, "Tables", lambda deadline: Tables(self._sleep, deadline)),
            (module, "Pace", lambda _: Pace(1000.0, self.clock, self._sleep)),
            (module, "Deadline", partial(Deadline, clock=self.clock)),
            (announcement_module, "_ROUNDS", _ROUNDS),
            (module, "time", SimpleNamespace(monotonic=self.clock)),
        ):
            yield self

    def move(self, move: Move) -> None:
        """Perform one move."""
        kind, number = move
        if kind == DELETE:
            self._delete(number)
        elif kind == DELIVER:
            self.deliver(number)
        elif kind == KILL:
            raise Killed
        elif kind != NOTHING:
            self._write(kind, number)

    def deliver(self, number: int, fate: Fate = Fate.WRITTEN) -> None:
        """Invoke the live function for one lane. Its first record batch has this fate."""
        ready = self.mapping.ready()
        if ready:
            self.kafka.fates.append(fate)
            self.mapping.step(ready[number % len(ready)])
            self.kafka.fates.clear()

    def work(self, segment: int, moves: Sequence[Move], fates: Sequence[Fate], limits: Sequence[int] = ()) -> bool:
        """Run a worker on a segment, in a new run if the last one is complete.

        Args:
            segment: the segment's number.
            moves: what happens between the worker's steps.
            fates: the fates of the worker's record batches.
            limits: the most items of each read; see `SeamDynamoDB`.

        Returns:
            True if the invocation ended without an error.

        """
        if not self.run or self.runs[self.run].are_complete:
            self._start_run()
        self._moves, self._fates = list(moves), list(fates)
        self.table.limits.extend(limits)
        self.table.replica = dict(self.table.items)
        self.reader.begin_invocation()
        try:
            self._step(step="work", run=self.run, segment=segment)
        except Killed:
            self.kills += 1
            self._backfill = None
        except (Undelivered, Misconfigured):
            self.failures += 1
        else:
            return True
        finally:
            self._moves, self._fates = [], []
            self.table.limits.clear()
            self.kafka.fates.clear()
            self.reader.end_invocation(is_complete=self.runs[self.run].are_complete)
        return False

    def heat(self, segment: int, entity: int) -> None:
        """Run a worker on a segment while an item is written between any two steps."""
        is_new = not self.run or self.runs[self.run].are_complete or segment not in self.runs[self.run].progresses
        self._hot = entity
        self.reader.hot.add(f"user-{entity}")
        has_returned = self.work(segment, [], [])
        self._hot = None
        counted = self.runs[self.run].read(segment).still_changing
        is_scanned = self.table.place(to_record(entity=f"user-{entity}")["dynamodb"]["Keys"]).startswith(f"{segment}-")
        if not has_returned or (is_new and counted != is_scanned):
            self.reader.note("I16", f"the worker returned: {has_returned}; items that still change: {counted}")

    def throttle(self, segment: int, moves: Sequence[Move], limits: Sequence[int]) -> None:
        """Run a worker on a segment while its reads return no more items than this."""
        if not self.work(segment, moves, [], limits):
            self.reader.note("I16", "a throttled read ended the invocation")

    def finish(self) -> None:
        """End all faults, complete the run, drain the stream, and check the invariants.

        Raises:
            Broken: invariants do not hold.

        """
        for segment in range(SEGMENTS):
            if not self.run or not self.runs[self.run].read(segment).is_complete:
                self.work(segment, [], [])
        assert self.runs[self.run].are_complete
        for _ in range(3 * self.writes):
            self.deliver(0)
        assert not self.mapping.pending()
        self.reader.check_states()
        broken = {name: found for name, found in self.reader.broken.items() if name in self._watched}
        if broken:
            raise Broken(broken)

    def _start_run(self) -> None:
        """Start an execution. All executions have the same name."""
        self.clock.seconds += _RUN_SECONDS
        started_ms = round(self.clock.seconds * 1000)
        planned = self._step(step="plan", run="nightly", started=to_iso(started_ms), request=_REQUEST)
        self.run = planned["run"]
        self.reader.start_run(started_ms)

    def _step(self, **event: Any) -> Any:  # noqa: ANN401  # each step has its own fields and response
        """Invoke the function of the backfill."""
        return backfill_module.handler(event, _CONTEXT)  # type: ignore[arg-type]  # it has what the handler needs

    def _seam(self) -> None:
        """Perform the moves between two steps, up to the first NOTHING."""
        if self._hot is not None:
            self.move((WRITE, self._hot))
            self.deliver(self.writes)
        while self._moves:
            move = self._moves.pop(0)
            if move[0] == NOTHING:
                return
            self.move(move)

    def _meet(self) -> None:
        """Set the fate of the worker's next record batch."""
        if self._fates:
            self.kafka.fates.append(self._fates.pop(0))

    def _sleep(self, seconds: float) -> None:
        self.clock.seconds += seconds

    def _write(self, kind: str, entity: int) -> None:
        """Write an item and its stream record."""
        item = self._to_item(kind, entity)
        if item is not None:
            self.mapping.put("shard-0", self._put(entity, item))
            if kind != TOUCH:
                self.reader.count_change(f"user-{entity}", has_event=kind != EMPTY)

    def _to_item(self, kind: str, entity: int) -> Item | None:
        """Return an item's next state."""
        keys = to_record(entity=f"user-{entity}")["dynamodb"]["Keys"]
        current = self.table.items.get(self.table.place(keys))
        if kind == TOUCH:
            return current and {**current, "note": {"N": str(self.writes)}}
        if kind == EMPTY:
            return {"text": {"S": "nothing"}}
        if kind == WRITE:
            return to_item((f"version_{self.writes}", "age"))
        return _FLIP if current and "flop" in read_features(current) else _FLOP

    def _put(self, entity: int, item: Item) -> dict[str, Any]:
        record = to_record(self.writes, entity=f"user-{entity}", kind="MODIFY", item=dict(item))
        record["dynamodb"]["ApproximateCreationDateTime"] = int(self.clock.seconds)
        self.writes += 1
        written = record["dynamodb"]["NewImage"]
        self.table.items[self.table.place(written)] = written
        return record

    def _delete(self, entity: int) -> None:
        record = to_record(self.writes, entity=f"user-{entity}", kind="REMOVE")
        if self.table.items.pop(self.table.place(record["dynamodb"]["Keys"]), None) is not None:
            self.writes += 1
            self.mapping.put("shard-0", record)
            self.reader.count_change(f"user-{entity}", has_event=False)

    def _invoke(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # the response is JSON
        """Invoke the live function."""
        self._live = self._live or self._to_pipeline()
        try:
            return self._live.run(event["Records"], Deadline(_DELIVERY_SECONDS, self.clock)).response()
        except Killed:
            self._live = None
            raise

    def _to_worker_pipeline(self) -> Pipeline:
        """Return the pipeline of the worker's execution environment."""
        if self._backfill is None:
            pipeline = self._to_pipeline()
            self._backfill = pipeline._replace(publisher=SeamPublisher(pipeline.publisher, self._seam, self._meet))
        return self._backfill

    def _to_pipeline(self) -> Pipeline:
        """Return the pipeline of a new execution environment."""
        return Instance(SETTINGS, Store(self.clock), self.clock).wired[1]


def _run[T](_seconds: float, function: Callable[[], T], _watch: Callable[[], None] | None = None) -> T:
    """Replace `run_within`: nothing hangs here, and a thread per call would take most of a history's time."""
    return function()
