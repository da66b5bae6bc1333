"""A small world for a backfill with `missing_only`: a table, its stream, a topic, and workers that are killed.

The index, the comparison and the announcer are real. An oracle applies the state rule to the topic, and knows which
writes have lost their events. It does not rely on what the code reports.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from feature_events.backfills.audit import LAST_LOOK, Comparison, FirstLook, SecondLook
from feature_events.backfills.looks import Looks, NextStep
from feature_events.backfills.plan import Plan
from feature_events.backfills.report import BackfillReport, to_report
from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.encoder import Encoder
from feature_events.epoch import to_iso
from feature_events.events.message import Message
from feature_events.topic_index import index as topic_index
from feature_events.topic_index.judge import Judge
from feature_events.topic_index.look import SETTLE_SECONDS
from feature_events.topic_index.store import IndexStore
from feature_events.topic_index.work import IndexWorker
from tests.simulation.audit_doubles import FolderCheckpoints, SeamTable, TopicPublisher
from tests.simulation.backfill_ends import SEGMENTS
from tests.simulation.invariants import INVARIANTS, Broken
from tests.support.audits import MemoryFolder, MemoryReader, MemoryTopic, make_decoder
from tests.support.backfills import to_plan
from tests.support.doubles import FakeClock, FakeDeadLetters
from tests.support.layouts import to_layouts
from tests.support.modelled_kafka import Killed
from tests.support.pipelines import CODEC, PREFIX, encode, to_pipeline
from tests.support.records import CREATED, to_item, to_record

WRITE, LOSE, DELIVER, REPEAT, ADD_PARTITION, KILL, NOTHING = (
    *("write", "lose", "deliver", "repeat", "add_partition", "kill", "nothing"),
)
MOVES = (WRITE, LOSE, DELIVER, REPEAT, ADD_PARTITION, KILL, NOTHING)
"""What can happen between two steps of a worker. NOTHING means that as many steps follow as its number, plus one."""

ENTITIES, ANNOUNCED = 6, 4
"""The entities that can be written, and those that are announced at the beginning."""
_MOST_PARTITIONS = 4
_TRIES = 200
_LONG = Deadline(1e9)
_ENCODER = Encoder(to_layouts(), "all", PREFIX, CODEC)

type Move = tuple[str, int]
"""What happens, and a number that selects the entity, the state or the message."""


class AuditWorld:
    """The world and its invariants."""

    def __init__(self, watched: frozenset[str] = frozenset(INVARIANTS)) -> None:
        self._watched = watched
        self.tick = 0
        """The seconds since the beginning. Each write takes one."""
        self.topic = MemoryTopic()
        self.table = SeamTable(self._seam)
        self.stream: deque[dict[str, Any]] = deque()
        self.lost: set[str] = set()
        """The entities whose latest write has lost its event."""
        self._lost_in_run: set[str] = set()
        """The entities for which that was true at any time of the current run."""
        self.false_reports: list[str] = []
        self.kills = self.writes = self.repaired = self.looks = 0
        self._moves: list[Move] = []
        self._live: list[Message] = []
        for entity in range(ANNOUNCED):
            self.move((WRITE, entity))
        self._drain()

    def move(self, move: Move) -> None:
        """Perform one move."""
        kind, number = move
        if kind in (WRITE, LOSE):
            self._write(number, is_lost=kind == LOSE)
        elif kind == DELIVER:
            self._deliver()
        elif kind == REPEAT and self._live:
            self.topic.append(self._live[number % len(self._live)])
        elif kind == ADD_PARTITION and len(self.topic.logs) < _MOST_PARTITIONS:
            self.topic.add_partition()
        elif kind == KILL:
            raise Killed

    def audit(self, moves: Sequence[Move]) -> BackfillReport:
        """Repair the table in a new run, with these moves between the steps."""
        self.tick += 5
        self._lost_in_run = set(self.lost)
        plan = to_plan(segments=SEGMENTS, workers=5, events_per_second=2, missing_only=True)
        plan = plan._replace(started_ms=self.now_ms)
        self._moves = list(moves)
        folder = MemoryFolder(self._seam)
        run = Run(plan, folder, self)
        step = self._retry(run.begin)
        while step["state"] != "report":
            if step["state"] == "wait":
                self._settle()
            for kind, numbers in (("partition", step["partitions"]), ("bucket", step["buckets"])):
                for number in numbers:
                    self._retry(partial(run.work_on, kind, step["look"], number))
            for segment in step["segments"]:
                self._retry(partial(run.work_on, "segment", step["look"], segment))
            self.looks += bool(step["segments"])
            step = self._retry(partial(run.proceed, step["look"]))
        self._moves = []
        return run.report()

    def finish(self) -> None:
        """Repair the table twice without disturbance, and check the invariants.

        The first run may have been overtaken: its events are older than the writes during the run.

        Raises:
            Broken: invariants do not hold.

        """
        self._moves = []
        self._drain()
        differing = list(self._find_differing())
        report = self.audit([])
        found = report["missing"] + report["outdated"]
        after = list(self._find_differing())
        broken = {
            "I20": "; ".join(self.false_reports),
            "I21": f"{differing} differed, {found} were found, {after} differ"
            if found != len(differing) or after
            else "",
        }
        broken = {name: text for name, text in broken.items() if text and name in self._watched}
        if broken:
            raise Broken(broken)

    @property
    def now_ms(self) -> int:
        """The current time."""
        return (CREATED + self.tick) * 1_000 + 500

    def note_sent(self, message: Message) -> None:
        """Note a backfilled event. It is a false report unless its item's latest write had lost its event."""
        entity = message.key.decode()
        self.repaired += 1
        if entity not in self._lost_in_run:
            self.false_reports.append(f"{entity} was announced, but its event is in the topic or on its way")

    def seam(self) -> None:
        """Perform the moves between two steps, up to the first NOTHING."""
        self._seam()

    def _seam(self) -> None:
        while self._moves:
            kind, number = self._moves.pop(0)
            if kind == NOTHING:
                if number:
                    self._moves.insert(0, (NOTHING, number - 1))
                return
            self.move((kind, number))

    def _retry[T](self, step: Callable[[], T]) -> T:
        for _ in range(_TRIES):
            try:
                return step()
            except Killed:
                self.kills += 1
        raise AssertionError("a step never ended")

    def _settle(self) -> None:
        """Let time pass. The stream delivers what is older, or it is late and delivers only something."""
        self.tick += round(SETTLE_SECONDS / 2)
        if self.stream:
            is_late = bool(self._moves) and self._moves[0][0] == NOTHING
            for _ in range(1 if is_late else len(self.stream)):
                self._deliver()

    def _write(self, number: int, *, is_lost: bool) -> None:
        """Write an item. Some writes change only the compute id."""
        self.tick += 1
        self.writes += 1
        entity, state = f"user-{number % ENTITIES}", number // ENTITIES
        former = self.table.items.get(self.table.place({"bright_uid": {"S": entity}}))
        updated_at = to_iso(self.now_ms)
        if former is not None and state % 2:
            updated_at = former["features"]["M"]["meta"]["M"]["updated_at"]["S"]
        item = to_item(("age",), value=self.writes, updated_at=updated_at, compute_id=f"job-{self.writes}")
        record = to_record(self.tick, entity=entity, kind="MODIFY", item=item)
        self.table.items[self.table.place(record["dynamodb"]["NewImage"])] = record["dynamodb"]["NewImage"]
        self.lost.discard(entity)
        if is_lost:
            self.lost.add(entity)
            self._lost_in_run.add(entity)
        else:
            self.stream.append(record)

    def _deliver(self) -> None:
        if self.stream:
            message = encode(self.stream.popleft()).message
            self._live.append(message)
            self.topic.append(message)

    def _drain(self) -> None:
        while self.stream:
            self._deliver()

    def _find_differing(self) -> Iterator[str]:
        """Yield each entity whose current event, by the state rule, does not say what its item says."""
        current: dict[str, Any] = {}
        decoder = make_decoder()
        for message in self.topic.read():
            found = decoder.decode(message)
            if found is not None and (
                found.event.entity_id not in current or found.position > current[found.event.entity_id].position
            ):
                current[found.event.entity_id] = found
        for item in self.table.items.values():
            meta = item["features"]["M"]["meta"]["M"]
            entity, wanted = item["bright_uid"]["S"], (meta["compute_id"]["S"], meta["updated_at"]["S"])
            event = current[entity].event if entity in current else None
            if event is None or (event.compute_id, event.timestamp) != wanted:
                yield entity


class Run:
    """The steps of one run, as the function performs them."""

    def __init__(self, plan: Plan, folder: MemoryFolder, world: AuditWorld) -> None:
        self._plan = plan
        self._folder = folder
        self._world = world
        self._store = IndexStore(folder)
        self._checkpoints = FolderCheckpoints(folder)
        self._looks = Looks("run", plan, self._store, self._checkpoints)
        publisher = TopicPublisher(world.topic, world.seam)
        publisher.sent = world.note_sent
        pipeline = to_pipeline(publisher, FakeDeadLetters())
        self._announcement = Announcement(plan, pipeline, world.table, 12.0, "request-1")
        self._reader = MemoryReader(world.topic, world.seam)

    def begin(self) -> NextStep:
        """Plan the first look."""
        return self._looks.begin(self._reader, self._world.now_ms, _LONG)

    def proceed(self, look: int) -> NextStep:
        """Decide what follows a look."""
        return self._looks.proceed(look, self._reader, self._world.now_ms, _LONG)

    def work_on(self, kind: str, number: int, part: int) -> None:
        """Perform one step of a look to its end."""
        look, clock = self._looks.read(number), FakeClock()
        if kind == "partition":
            decoder, store = make_decoder(), self._store
            worker = IndexWorker(look, self._reader, decoder, store, "all", ["item"], "request-1", 2)
            worker.work(part, _LONG, _LONG)
        elif kind == "bucket":
            topic_index.merge_bucket(self._store, look, part)
        else:
            index = topic_index.read_index(self._store, look)
            comparison = Comparison(number, Judge(_ENCODER, index, ["item"]), self._store, index.is_behind)
            former = self._checkpoints.of_look(number - 1)
            pages = (
                SecondLook(self._announcement, comparison, former)
                if number
                else FirstLook(self._announcement, comparison)
            )
            pace = Pace(1e9, clock, lambda _: None)
            checkpoints = self._checkpoints.of_look(number)
            Worker(self._plan, pages, checkpoints, pace, clock, lambda: self._world.now_ms / 1_000).work(
                part, _LONG, _LONG
            )

    def report(self) -> BackfillReport:
        """Return the report."""
        first = [self._checkpoints.read(segment) for segment in range(SEGMENTS)]
        later = self._looks.read_later_progresses()
        assert len(later) <= LAST_LOOK * SEGMENTS
        return to_report("run", self._plan, first, later)
