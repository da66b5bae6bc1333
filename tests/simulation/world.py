"""A simulated environment of the function: stream, mapping, Kafka, S3 and clock, with the checks of the invariants.

The handler, the pipeline and the publisher are real. The checks read the contents of the topic and of the stores, not
the code's own reports.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from feature_events import handler as handler_module
from feature_events import pipeline as pipeline_module
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured
from feature_events.failures import dead_letter_limit as limit_module
from feature_events.pipeline import Pipeline
from feature_events.settings.settings import Settings, read_settings
from tests.simulation.cluster import Kafka, connect
from tests.simulation.instances import EVENTS_PER_DEAD_LETTER, Context, Instance, Store
from tests.simulation.invariants import INVARIANTS, Broken, find_disorder, number_of, position_of
from tests.support.doubles import FakeClock
from tests.support.lanes import Record
from tests.support.mapping import EventSourceMapping, Invocation, MappingSettings, Outcome
from tests.support.modelled_kafka import Killed, ModelledKafka
from tests.support.on_failure import MemoryStore, read_on_failure
from tests.support.records import FIRST_NUMBER, to_item, to_record, to_removal_record, to_unreadable_record

GOOD, NOTHING, UNREADABLE, LARGE, HUGE = "good", "nothing", "unreadable", "large", "huge"
REMOVED, EMPTIED = "removed", "emptied"
KINDS = (GOOD, NOTHING, UNREADABLE, LARGE, HUGE, REMOVED, EMPTIED)
SENT = (GOOD, LARGE, HUGE, REMOVED, EMPTIED)
"""The kinds of records with a message, even if Kafka refuses it."""
BAD = frozenset({UNREADABLE, LARGE, HUGE})

SLOW_STORE = 2.9
"""Duration of the slowest successful put, in seconds."""

_TOPIC_MAX_BYTES = 1_500
"""Maximum size of a record batch, in bytes: two messages of valid records, of about 600 bytes each."""
_CHUNK = 7
"""Number of records per chunk; a batch has up to twelve."""
_ITEMS = {
    GOOD: to_item(),
    NOTHING: {"text": {"S": "no features"}},
    EMPTIED: {"text": {"S": "no features"}},
    LARGE: to_item(tuple(f"feature_{number}" for number in range(250))),
    HUGE: to_item(tuple(f"feature_{number}" for number in range(1300))),
}

SETTINGS = read_settings(
    {
        "KAFKA_BROKER_URL": "model:1",
        "SCHEMA_ID": "7",
        "TOPIC_NAME": "events",
        "FAILURE_BUCKET": "failures",
        "DEAD_LETTER_LIMIT": "5",
        "REMOVALS": "events",
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
)


class World:
    """The environment, and the invariants that were broken in it."""

    def __init__(
        self,
        watched: frozenset[str] = frozenset(INVARIANTS),
        kafka: Kafka | None = None,
        settings: Settings = SETTINGS,
    ) -> None:
        self._watched = watched
        self.clock = FakeClock(1_760_200_000.0)
        # With real sockets the function uses real time; the stream always uses simulated time
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
        """The kind and entity of each change, by number."""
        self.invocations = self.failures = 0
        self._instances: dict[int, list[Instance]] = {}
        self._frozen: dict[int, list[Instance]] = {}
        self._lane = 0
        self._broken: dict[str, str] = {}

    @contextmanager
    def running(self) -> Iterator["World"]:
        """Connect the function to this environment within the context."""
        with connect(
            self.kafka,
            (handler_module, "wire", self._wire),
            (handler_module, "Deadline", partial(Deadline, clock=self._now)),
            (pipeline_module, "_CHUNK", _CHUNK),
            (limit_module, "EVENTS_PER_DEAD_LETTER", EVENTS_PER_DEAD_LETTER),
        ):
            yield self

    def write(self, kind: str, entity: int) -> None:
        """Write one change to the table."""
        number = len(self.written)
        name = f"user-{entity}"
        if kind == UNREADABLE:
            record = to_unreadable_record(number, entity=name)
        elif kind == REMOVED:
            record = to_removal_record(number, entity=name, old=to_item())
        else:
            is_insert = kind == NOTHING or (kind != EMPTIED and number % 2 == 0)
            record = to_record(number, entity=name, item=_ITEMS[kind], kind="INSERT" if is_insert else "MODIFY")
        self.written[number] = (kind, entity)
        self.mapping.put(self.shard, record)

    def split(self) -> None:
        """Close the shard and continue in a new one."""
        parent, self.shard = self.shard, f"shard-{int(self.shard[6:]) + 1}"
        self.mapping.add_shard(self.shard, parent)

    def replace_instances(self) -> None:
        """Freeze all execution environments, so that Lambda starts new ones."""
        for lane, instances in self._instances.items():
            self._frozen.setdefault(lane, []).extend(instances)
        self._instances.clear()

    def thaw_instances(self) -> None:
        """Resume the frozen execution environments."""
        for lane, frozen in self._frozen.items():
            self._instances.setdefault(lane, []).extend(frozen)
        self._frozen.clear()
        self.kafka.thaw()

    def step(self, choice: int) -> Invocation | None:
        """Invoke the function for one of the ready lanes, and check the invariants."""
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
        """End every fault and run the mapping until the stream is empty; the store stays slow.

        If the dead-letter limit stops the function, raise the limit as an operator would.
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
        """Check the invariants that apply at any time.

        Raises:
            Broken: an invariant was broken, now or in an invocation.

        """
        logs = self.kafka.logs
        self._check_nothing_lost({number_of(message) for log in logs for message in log})
        for log in logs:
            for invariant, found in find_disorder(log):
                self._break(invariant, found)
        stored = {position_of(record) for record, _ in self.letters.letters}
        self._break("I6", [number for number in stored if self.written[number][0] not in BAD])
        if self._broken:
            raise Broken(self._broken)

    def _break(self, invariant: str, found: object) -> None:
        """Record a violation, unless nothing was found."""
        if found and invariant in self._watched:
            self._broken.setdefault(invariant, str(found))

    def _check_nothing_lost(self, in_topic: set[int]) -> None:
        stored = {position_of(record) for record, _ in self.letters.letters}
        elsewhere = {position_of(record) for record in (*self.mapping.pending(), *read_on_failure(self.on_failure))}
        lost = [
            number
            for number, (kind, _) in self.written.items()
            if number not in in_topic and number not in stored and number not in elsewhere and kind != NOTHING
        ]
        self._break("I1", lost or self.mapping.trimmed)

    def _wire(self) -> tuple[Settings, Pipeline]:
        return self._instance().wired

    def _instance(self) -> Instance:
        instances = self._instances.setdefault(self._lane, [])
        if not instances:
            instances.append(Instance(self.settings, self.letters, self.clock))
        return instances[-1]

    def _invoke(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # the handler's answer is JSON
        """Invoke the function as the mapping does, and check the invariants of an invocation."""
        context = Context(self._now, self.remaining)
        acknowledged, handed, letters = (
            len(self.kafka.acknowledged),
            len(self.kafka.produced),
            len(self.letters.letters),
        )
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
            delivered = {number_of(each) for each in self.kafka.acknowledged[acknowledged:]}
            stored = {position_of(record) for record, _ in self.letters.letters[letters:]}
            if stopped and not instance.is_at_limit:
                self._break("I8", "stopped by a limit that was not reached")
            sent = [number_of(each) for each in self.kafka.produced[handed:]]
            self._check_retry(instance, event["Records"], sent, delivered | stored)
            instance.used += len(stored - instance.dead_lettered) * EVENTS_PER_DEAD_LETTER
            instance.dead_lettered |= stored
            if instance.used > instance.limit * EVENTS_PER_DEAD_LETTER:
                self._break("I9", f"{instance.used} of {instance.limit * EVENTS_PER_DEAD_LETTER}")
            first = self._find_first_undone(event["Records"], delivered | stored)
            self._break("I10", [number for number in stored if first is not None and number > first])
            self._break("I7", max(0.0, self._now() - context.end))
            self._break("I5", self.kafka.pending)
        settled = [number for number in delivered if first is None or number < first]
        instance.used = max(0, instance.used - len(settled))
        self._check_report(first, answer)
        return answer

    def _check_retry(self, instance: Instance, records: Sequence[Record], sent: list[int], answered: set[int]) -> None:
        """Check the events that an instance has sent for a retried batch."""
        numbers = [n for n in map(position_of, records) if self.written[n][0] in SENT]
        if numbers and numbers[0] in instance.unanswered - answered:
            self._break("I11", sorted(set(sent) - {numbers[0]}))
        left = [n for n in numbers if n in set(sent) - answered]
        instance.unanswered.update(left[:1])

    def _find_first_undone(self, records: Sequence[Record], done: set[int]) -> int | None:
        numbers = [position_of(record) for record in records]
        return next((n for n in numbers if n not in done and self.written[n][0] != NOTHING), None)

    def _check_report(self, first: int | None, answer: Any) -> None:  # noqa: ANN401
        expected = [] if first is None else [{"itemIdentifier": str(FIRST_NUMBER + first)}]
        if answer != {"batchItemFailures": expected}:
            self._break("I4", f"{answer} instead of {expected}")
