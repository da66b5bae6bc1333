"""A small world for the whole function: a stream, the mapping, Kafka, S3 and a clock; and what must hold in it.

The handler, the pipeline and the publisher are the real ones. The invariants look at what is in the topic and in the
stores, never at what the code says of itself.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol, override
from unittest.mock import patch

from feature_events import handler as handler_module
from feature_events import metrics
from feature_events import pipeline as pipeline_module
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.failures import dead_letter_limit as limit_module
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.kafka import producer as producer_module
from feature_events.kafka import publisher as publisher_module
from feature_events.kafka.properties import to_properties
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.table_layout import DEFAULT_LAYOUT
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.records.position import StreamRecord
from feature_events.settings import Settings, read_settings
from tests.support.doubles import FakeClock, FakeContext, FakeDeadLetters
from tests.support.lanes import Record
from tests.support.mapping import EventSourceMapping, Invocation, MappingSettings, Outcome
from tests.support.modelled_kafka import Fate, Killed, ModelledKafka, Written
from tests.support.on_failure import MemoryStore, read_on_failure
from tests.support.pipelines import CODEC, PREFIX
from tests.support.records import FIRST_NUMBER, to_item, to_record, to_unreadable_record

GOOD, NOTHING, UNREADABLE, LARGE, HUGE, REMOVED = "good", "nothing", "unreadable", "large", "huge", "removed"
KINDS = (GOOD, NOTHING, UNREADABLE, LARGE, HUGE, REMOVED)
BAD = frozenset({UNREADABLE, LARGE, HUGE})

INVARIANTS = {
    "I1": "every change is in the topic, in the dead letters, in the on-failure destination, or still in the stream",
    "I2": "the first appearances of an entity's changes in the topic are in stream order",
    "I3": "the same change has the same id and the same bytes, each time",
    "I4": "what is reported is the first record that was neither acknowledged, dead-lettered nor rightly skipped",
    "I5": "nothing is sent after the function has returned",
    "I6": "a good record is never dead-lettered",
    "I7": "the function answers before its timeout",
    "I8": "with the faults over, everything comes to its end without another failure",
    "I9": "no instance dead-letters more than the limit and its share of the events delivered",
    "I10": "nothing is dead-lettered before all that is ahead of it in its batch has come to an end",
    "I11": "a batch that begins with an event that the instance left unanswered is not sent before that is answered",
}

SLOW_STORE = 2.9
"""Seconds that the slowest put takes which is no failure."""

# A message of a good record has about 600 bytes: a wave holds five, a record batch that the topic takes two
_MESSAGE_MAX_BYTES = 13_000
_TOPIC_MAX_BYTES = 1_500
# Of a batch of twelve
_CHUNK = 7
# Fewer than it has by default, for histories that are short
_EVENTS_PER_DEAD_LETTER = 2
_ITEMS = {
    GOOD: to_item(),
    NOTHING: {"text": {"S": "no features"}},
    LARGE: to_item(tuple(f"feature_{number}" for number in range(250))),
    HUGE: to_item(tuple(f"feature_{number}" for number in range(1300))),
}

SETTINGS = read_settings(
    {
        "KAFKA_BROKER_URL": "model:1",
        "SCHEMA_ID": "7",
        "TOPIC_NAME": "events",
        "DEAD_LETTER_BUCKET": "failures",
        "DEAD_LETTER_LIMIT": "5",
        "DELIVERY_TIMEOUT_MS": "12000",
        "KAFKA_PROPERTIES": '{"message.max.bytes": 20000}',
    }
)
MAPPING = MappingSettings(
    batch_size=12,
    bisect_batch_on_function_error=True,
    report_batch_item_failures=True,
    maximum_record_age_in_seconds=23 * 3600,
    parallelization_factor=2,
    filters=({"eventName": ["INSERT", "MODIFY"]},),
)


class Broken(AssertionError):
    """Invariants do not hold."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: not so: {INVARIANTS[name]}: {what}" for name, what in found.items()))
        self.invariants = frozenset(found)


class Fates(Protocol):
    """Fates to come."""

    def extend(self, fates: Iterable[Fate], /) -> object:
        """Adds some."""
        ...

    def clear(self) -> None:
        """Ends them."""
        ...


class Kafka(Protocol):
    """What the world needs of a cluster: the model, or a real producer on sockets."""

    acknowledged: list[Written]
    handed: list[Written]
    reachable: bool

    @property
    def logs(self) -> Sequence[Sequence[Written]]:
        """What is in each partition."""
        ...

    @property
    def fates(self) -> Fates:
        """Of the next batches."""
        ...

    @property
    def held(self) -> Sequence[object]:
        """What living producers hold and would send some time."""
        ...

    @property
    def to_producer(self) -> Callable[[Mapping[str, Any]], object]:
        """What stands in for `confluent_kafka.Producer`."""
        ...

    def catch_up(self) -> None:
        """Brings what is on the wire to the brokers."""
        ...

    def thaw(self) -> None:
        """Lets living producers send what they hold."""
        ...


class Store(FakeDeadLetters):
    """The dead-letter store, which takes its time."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.seconds = 0.0

    @override
    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        if not deadline.remaining():
            raise Undelivered("there was no time left")
        self._clock.seconds += self.seconds
        if not self.works:
            raise Undelivered("S3 answered SlowDown")
        self.letters.append((record, str(poison)))
        return f"dead-letters/{len(self.letters)}.json"


class _Context(FakeContext):
    """Lambda's context on a clock of ours."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self.end = clock() + seconds

    @override
    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - self._clock()) * 1000)


class Instance:
    """One execution environment of the function: what `handler.wire` makes, and what it has used of the limit."""

    def __init__(self, world: "World", settings: Settings) -> None:
        publisher = Publisher(
            settings.topic, {**to_properties(settings), "message.max.bytes": _MESSAGE_MAX_BYTES}, log_each=False
        )
        limit = DeadLetterLimit(settings.dead_letter_limit)
        modes = settings.features_mode, settings.headers
        pipeline = Pipeline(DEFAULT_LAYOUT, *modes, PREFIX, CODEC, publisher, world.letters, limit, world.clock)
        self.wired = settings, pipeline
        self.limit = settings.dead_letter_limit
        self.used = 0
        """Of the limit, in events: a dead letter takes as many as give one back."""
        self.dead_lettered: set[int] = set()
        self.unanswered: set[int] = set()
        """Of each attempt that failed, the first event without an answer."""

    @property
    def is_at_limit(self) -> bool:
        """Whether no dead letter is left to it."""
        return self.used > (self.limit - 1) * _EVENTS_PER_DEAD_LETTER


class World:
    """Everything there is, and every invariant about it."""

    def __init__(
        self,
        watched: frozenset[str] = frozenset(INVARIANTS),
        kafka: Kafka | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        self._watched = watched
        self.clock = FakeClock(1_760_200_000.0)
        # On real sockets the function has the real time; the stream's is told in both
        self._now: Clock = self.clock if kafka is None else time.monotonic
        self.kafka = kafka or ModelledKafka(self.clock, topic_max_bytes=_TOPIC_MAX_BYTES)
        self.letters = Store(self.clock)
        self.on_failure = MemoryStore()
        self.mapping = EventSourceMapping(self._invoke, MAPPING, self.clock, self.on_failure)
        self.mapping.add_shard("shard-0")
        self.shard = "shard-0"
        self.settings = settings
        self.remaining = 60.0
        self.written: dict[int, tuple[str, int]] = {}
        """Kind and entity by number."""
        self.invocations = self.failures = 0
        self._instances: dict[int, list[Instance]] = {}
        self._frozen: dict[int, list[Instance]] = {}
        self._lane = 0
        self._broken: dict[str, str] = {}

    @contextmanager
    def running(self) -> Iterator["World"]:
        """The world, as long as the function's ends lead into it."""
        with ExitStack() as stack:
            for module, name, value in (
                (producer_module, "Producer", self.kafka.to_producer),
                (producer_module, "close_in_background", lambda _: None),  # or each history would leave threads behind
                (publisher_module, "close_in_background", lambda _: None),
                (handler_module, "wire", self._wire),
                (handler_module, "Deadline", partial(Deadline, clock=self._now)),
                (pipeline_module, "_CHUNK", _CHUNK),
                (limit_module, "EVENTS_PER_DEAD_LETTER", _EVENTS_PER_DEAD_LETTER),
                (metrics, "emit", lambda *_: None),
            ):
                stack.enter_context(patch.object(module, name, value))
            level = logger.log_level
            stack.callback(logger.setLevel, level)
            logger.setLevel(logging.CRITICAL)
            yield self

    def write(self, kind: str, entity: int) -> None:
        """Writes one change to the table."""
        number = len(self.written)
        name = f"user-{entity}"
        if kind == UNREADABLE:
            record = to_unreadable_record(number, entity=name)
        elif kind == REMOVED:
            record = to_record(number, entity=name, kind="REMOVE")
        else:
            record = to_record(number, entity=name, item=_ITEMS[kind], kind="MODIFY" if number % 2 else "INSERT")
        self.written[number] = (kind, entity)
        self.mapping.put(self.shard, record)

    def split(self) -> None:
        """Ends the shard and goes on in a new one."""
        parent, self.shard = self.shard, f"shard-{int(self.shard[6:]) + 1}"
        self.mapping.add_shard(self.shard, parent)

    def replace_instances(self) -> None:
        """Lets Lambda start new execution environments; the old ones are frozen."""
        for lane, instances in self._instances.items():
            self._frozen.setdefault(lane, []).extend(instances)
        self._instances.clear()

    def thaw_instances(self) -> None:
        """Lets Lambda go on with frozen execution environments."""
        for lane, frozen in self._frozen.items():
            self._instances.setdefault(lane, []).extend(frozen)
        self._frozen.clear()
        self.kafka.thaw()

    def step(self, choice: int) -> Invocation | None:
        """Lets one of the lanes that can go on do so, and looks at everything."""
        ready = self.mapping.ready()
        if not ready:
            return None
        lane = ready[choice % len(ready)]
        self._lane = id(lane)
        done = self.mapping.step(lane)
        if done is not None:
            self.invocations += 1
            self.failures += done.outcome is not Outcome.DONE
        self.check()
        return done

    def finish(self) -> None:
        """Ends every fault, and lets the mapping go on to the end; a slow store is none, and this one is slow.

        Where the dead-letter limit stops it, and rightly, a person raises the limit.
        """
        self.kafka.reachable = self.letters.works = True
        self.kafka.fates.clear()
        self.kafka.catch_up()
        self.letters.seconds = SLOW_STORE
        self.remaining = 60
        for _ in range(3 * len(self.written) + 3):
            done = self.step(0)
            if done is None:
                break
            if isinstance(done.error, Misconfigured) and "DEAD_LETTER_LIMIT" in str(done.error):
                self.settings = self.settings._replace(dead_letter_limit=1_000_000)
                self.replace_instances()
            elif done.outcome not in (Outcome.DONE, Outcome.PARTIAL):
                self._break("I8", f"{done.outcome} {done.answer} {done.error!r}")
        if self.mapping.pending():
            self._break("I8", f"{len(self.mapping.pending())} records are left")
        self.check()

    def check(self) -> None:
        """Looks at everything that must hold at any time.

        Raises:
            Broken: with all that does not.

        """
        appearances = [[(_number_of(each), each) for each in log] for log in self.kafka.logs]
        self._check_nothing_lost({number for log in appearances for number, _ in log})
        for log in appearances:
            self._check_order(log)
        stored = {_position(record) for record, _ in self.letters.letters}
        self._break("I6", [number for number in stored if self.written[number][0] not in BAD])
        if self._broken:
            raise Broken(self._broken)

    def _break(self, invariant: str, found: object) -> None:
        """Writes down what was found, if anything was."""
        if found and invariant in self._watched:
            self._broken.setdefault(invariant, str(found))

    def _check_nothing_lost(self, in_topic: set[int]) -> None:
        stored = {_position(record) for record, _ in self.letters.letters}
        elsewhere = {
            _position(record)
            for record in (*self.mapping.pending(), *read_on_failure(self.on_failure), *self.mapping.filtered)
        }
        lost = [
            number
            for number, (kind, _) in self.written.items()
            if number not in in_topic and number not in stored and number not in elsewhere and kind != NOTHING
        ]
        self._break("I1", lost or self.mapping.trimmed)

    def _check_order(self, log: Sequence[tuple[int, Written]]) -> None:
        firsts: dict[int, Written] = {}
        latest: dict[bytes, int] = {}
        for number, message in log:
            if number in firsts:
                self._break("I3", [number] if firsts[number] != message else None)
                continue
            firsts[number] = message
            if latest.get(message.key, -1) > number:
                self._break("I2", f"{number} after {latest[message.key]}")
            latest[message.key] = number
        if len({dict(message.headers)["ce_id"] for message in firsts.values()}) < len(firsts):
            self._break("I3", "two changes have one id")

    def _wire(self) -> tuple[Settings, Pipeline]:
        return self._instance().wired

    def _instance(self) -> Instance:
        instances = self._instances.setdefault(self._lane, [])
        if not instances:
            instances.append(Instance(self, self.settings))
        return instances[-1]

    def _invoke(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # the handler's answer is JSON
        """The function as the mapping sees it."""
        context = _Context(self._now, self.remaining)
        acknowledged, handed, letters = len(self.kafka.acknowledged), len(self.kafka.handed), len(self.letters.letters)
        instance = self._instance()
        answer, stopped = None, False
        try:
            answer = handler_module.handler(event, context)  # type: ignore[arg-type]  # the context's double
        except Killed:
            self._instances.pop(self._lane)
            raise
        except Misconfigured as error:
            stopped = "DEAD_LETTER_LIMIT" in str(error)
            raise
        finally:
            delivered = {_number_of(each) for each in self.kafka.acknowledged[acknowledged:]}
            stored = {_position(record) for record, _ in self.letters.letters[letters:]}
            if stopped and not instance.is_at_limit:
                self._break("I8", "stopped by a limit that was not reached")
            sent = [_number_of(each) for each in self.kafka.handed[handed:]]
            self._check_probe(instance, event["Records"], sent, delivered | stored)
            instance.used += len(stored - instance.dead_lettered) * _EVENTS_PER_DEAD_LETTER
            instance.dead_lettered |= stored
            if instance.used > instance.limit * _EVENTS_PER_DEAD_LETTER:
                self._break("I9", f"{instance.used} of {instance.limit * _EVENTS_PER_DEAD_LETTER}")
            first = self._find_first_undone(event["Records"], delivered | stored)
            self._break("I10", [number for number in stored if first is not None and number > first])
            self._break("I7", max(0.0, self._now() - context.end))
            self._break("I5", self.kafka.held)
        settled = [number for number in delivered if first is None or number < first]
        instance.used = max(0, instance.used - len(settled))
        self._check_report(first, answer)
        return answer

    def _check_probe(self, instance: Instance, records: Sequence[Record], sent: list[int], answered: set[int]) -> None:
        """Looks at what an instance has sent of a batch that is retried."""
        numbers = [n for n in map(_position, records) if self.written[n][0] in (GOOD, LARGE, HUGE)]
        if numbers and numbers[0] in instance.unanswered - answered:
            self._break("I11", sorted(set(sent) - {numbers[0]}))
        left = [n for n in numbers if n in set(sent) - answered]
        instance.unanswered.update(left[:1])

    def _find_first_undone(self, records: Sequence[Record], done: set[int]) -> int | None:
        numbers = [_position(record) for record in records]
        return next((n for n in numbers if n not in done and self.written[n][0] != NOTHING), None)

    def _check_report(self, first: int | None, answer: Any) -> None:  # noqa: ANN401
        expected = [] if first is None else [{"itemIdentifier": str(FIRST_NUMBER + first)}]
        if answer != {"batchItemFailures": expected}:
            self._break("I4", f"{answer} instead of {expected}")


def _position(record: StreamRecord) -> int:
    return int(record["dynamodb"]["SequenceNumber"]) - FIRST_NUMBER


def _number_of(message: Written) -> int:
    return int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER
