"""A small world for a backfill during live events: one table, its stream and mapping, workers, and one topic.

The worker, the pipeline and the publishers are real. The invariants compare the topic with the table, and do not rely
on what the code reports.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.kafka import producer as producer_module
from feature_events.pipeline import Pipeline
from tests.simulation.backfill_ends import SEGMENTS, SeamCheckpoints, SeamPublisher, SeamTable
from tests.simulation.cluster import connect
from tests.simulation.instances import Instance, Store
from tests.simulation.invariants import INVARIANTS, Broken
from tests.simulation.world import MAPPING, SETTINGS
from tests.support.avro import read_avro
from tests.support.backfills import MESSAGE_MS, to_plan
from tests.support.doubles import FakeClock
from tests.support.mapping import EventSourceMapping
from tests.support.modelled_kafka import Fate, Killed, ModelledKafka, Written
from tests.support.on_failure import MemoryStore
from tests.support.pipelines import PREFIX
from tests.support.records import to_item, to_record

WRITE, EMPTY, DELETE, DELIVER, KILL, NOTHING = "write", "empty", "delete", "deliver", "kill", "nothing"
MOVES = (WRITE, EMPTY, DELETE, DELIVER, KILL, NOTHING)
"""What can happen between two steps of a worker. NOTHING means that the next step follows."""

FATES = tuple(fate for fate in Fate if fate is not Fate.LATE)
"""The fates of record batches. A batch written after its producer was closed could follow any event unnoticed."""

ENTITIES = 4
_DELIVERY_SECONDS = 12.0
_PAGE_DELIVERY_SECONDS = 40.0
_PLAN = to_plan(segments=SEGMENTS, workers=5, events_per_second=2)  # two items a page
_AVRO = read_avro(SHIPPED_SCHEMA)

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
        self.table = SeamTable(self._seam, _PLAN.key_names)
        self.checkpoints = SeamCheckpoints(self._seam)
        self.writes = self.kills = self.failures = 0
        self._moves: list[Move] = []
        self._fates: list[Fate] = []
        self._live: Pipeline | None = None
        self._backfill: Pipeline | None = None
        for entity in range(ENTITIES):  # before the stream was enabled
            self._put(entity, to_item((f"version_{self.writes}",)))

    @contextmanager
    def running(self) -> Iterator["BackfillWorld"]:
        """Connect both functions to this world."""
        with connect(self.kafka, (producer_module, "run_within", _run)):
            yield self

    def move(self, move: Move) -> None:
        """Perform one move."""
        kind, number = move
        if kind in (WRITE, EMPTY):
            self._write(number, to_item((f"version_{self.writes}",)) if kind == WRITE else {"text": {"S": "nothing"}})
        elif kind == DELETE:
            self._delete(number)
        elif kind == DELIVER:
            self.deliver(number)
        elif kind == KILL:
            raise Killed

    def deliver(self, number: int, fate: Fate = Fate.WRITTEN) -> None:
        """Invoke the live function for one lane. Its first record batch has this fate."""
        ready = self.mapping.ready()
        if ready:
            self.kafka.fates.append(fate)
            self.mapping.step(ready[number % len(ready)])
            self.kafka.fates.clear()

    def work(self, segment: int, moves: Sequence[Move], fates: Sequence[Fate]) -> None:
        """Run a worker on a segment, in a new run if the last one is complete.

        Args:
            segment: the segment's number.
            moves: what happens between the worker's steps.
            fates: the fates of the worker's record batches.

        """
        if self.checkpoints.are_complete:
            self.checkpoints.progresses.clear()
        self._moves, self._fates = list(moves), list(fates)
        self.table.replica = dict(self.table.items)
        if self._backfill is None:
            pipeline = self._to_pipeline()
            self._backfill = pipeline._replace(publisher=SeamPublisher(pipeline.publisher, self._seam, self._meet))
        pace = Pace(1000.0, self.clock, self._sleep)
        announcement = Announcement(_PLAN, self._backfill, self.table, _PAGE_DELIVERY_SECONDS)
        worker = Worker(_PLAN, announcement, self.checkpoints, pace, self.clock)
        try:
            worker.work(segment, Deadline(600, self.clock), Deadline(660, self.clock))
        except Killed:
            self.kills += 1
            self._backfill = None
        except (Undelivered, Misconfigured):
            self.failures += 1
        finally:
            self._moves, self._fates = [], []
            self.kafka.fates.clear()

    def finish(self) -> None:
        """End all faults, complete the run, drain the stream, and check the invariants.

        Raises:
            Broken: invariants do not hold.

        """
        for segment in range(SEGMENTS):
            if not self.checkpoints.read(segment).is_complete:
                self.work(segment, [], [])
        assert self.checkpoints.are_complete
        for _ in range(3 * self.writes):
            self.deliver(0)
        assert not self.mapping.pending()
        broken = {
            name: "; ".join(found)
            for name, found in (("I12", list(self._find_stale())), ("I13", list(self._find_mistimed())))
            if found and name in self._watched
        }
        if broken:
            raise Broken(broken)

    def _find_stale(self) -> Iterator[str]:
        """Yield each item whose last event differs from its current state or is missing."""
        last = {message.key.decode(): message for log in self.kafka.logs for message in log}
        for item in self.table.items.values():
            entity = item["bright_uid"]["S"]
            if "features" in item:
                current = list(item["features"]["M"]["data"]["M"])
                announced = _AVRO.read(last[entity].value[len(PREFIX) :])["features"] if entity in last else "no event"
                if announced != current:
                    yield f"{entity} is {current}, and its last event has {announced}"

    def _find_mistimed(self) -> Iterator[str]:
        """Yield each backfilled message whose timestamp is not that of its run."""
        messages = [message for log in self.kafka.logs for message in log]
        return (f"{each.key!r} {each.timestamp_ms}" for each in messages if _is_mistimed(each))

    def _seam(self) -> None:
        """Perform the moves between two steps, up to the first NOTHING."""
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

    def _write(self, entity: int, item: dict[str, Any]) -> None:
        record = self._put(entity, item)
        self.mapping.put("shard-0", record)

    def _put(self, entity: int, item: dict[str, Any]) -> dict[str, Any]:
        record = to_record(self.writes, entity=f"user-{entity}", kind="MODIFY", item=item)
        self.writes += 1
        written = record["dynamodb"]["NewImage"]
        self.table.items[self.table.place(written)] = written
        return record

    def _delete(self, entity: int) -> None:
        record = to_record(self.writes, entity=f"user-{entity}", kind="REMOVE")
        if self.table.items.pop(self.table.place(record["dynamodb"]["Keys"]), None) is not None:
            self.writes += 1
            self.mapping.put("shard-0", record)

    def _invoke(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # the response is JSON
        """Invoke the live function."""
        self._live = self._live or self._to_pipeline()
        try:
            return self._live.run(event["Records"], Deadline(_DELIVERY_SECONDS, self.clock)).response()
        except Killed:
            self._live = None
            raise

    def _to_pipeline(self) -> Pipeline:
        """Return the pipeline of a new execution environment."""
        return Instance(SETTINGS, Store(self.clock), self.clock).wired[1]


def _run[T](_seconds: float, function: Callable[[], T], _watch: Callable[[], None] | None = None) -> T:
    """Replace `run_within`: nothing hangs here, and a thread per producer would take most of a history's time."""
    return function()


def _is_mistimed(message: Written) -> bool:
    return "ce_backfill" in dict(message.headers) and message.timestamp_ms != MESSAGE_MS
