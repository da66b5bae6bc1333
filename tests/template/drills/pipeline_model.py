"""Model the metrics of Lambda, the event source mappings and the function.

Two tables share the function, and each has a stream with one shard. AWS documents when each metric is emitted:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
The model contains only metrics that alarms use. A mapping counts the events of every failed attempt, since the page
counts events with which Lambda "tried to invoke" the function.
"""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple, get_args

from feature_events.events.event import AVAILABLE
from tests.template.drills.alarms import Name
from tests.template.drills.cloudwatch import Metrics
from tests.template.expansion import STACK

type Fault = Literal[
    "failure bucket denies access",
    "function cannot start",
    "every record is bad",
    "Kafka is unavailable",
    "function is misconfigured",
    "stream denies access",
    "no features",
    "mapping is disabled",
    "one record is bad",
    "other items",
    "function is throttled",
    "function is slow",
]
SINGLE_TABLE_FAULTS: frozenset[Fault] = frozenset(
    {
        "every record is bad",
        "stream denies access",
        "no features",
        "mapping is disabled",
        "one record is bad",
        "other items",
        "function is slow",
    }
)
"""Faults that affect only the first table."""

type Kind = Literal["features", "bad", "other_item", "no_features", "remove"]
"""The outcome of a record: an event, a dead letter, or a skip for one of three reasons."""
KINDS: tuple[Kind, ...] = get_args(Kind.__value__)
type Writes = Literal["features", "deletions", "features and deletions", "features once a day", "features once a week"]
"""What writers do. With few features, they write other items most of the time."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
MAXIMUM_AGE = 23 * HOUR  # MaximumRecordAgeSeconds
DEAD_LETTER_LIMIT = 100
DELIVERY_SECONDS = 20  # until the function stops waiting for Kafka
BATCH = 1000
FIRST_READ = 5 * MINUTE  # until a new mapping polls
FEATURE_HOURS = (1, 23, 2, 20, 0, 22, 5)
"""The hour of each day in which writers store features once a day: up to 46 hours apart."""

WRITTEN: Mapping[Fault | Writes, Kind] = {
    "every record is bad": "bad",
    "other items": "other_item",
    "no features": "no_features",
    "deletions": "remove",
}
"""The outcome of records during a fault or with a kind of writes."""


class Table(NamedTuple):
    """A table and its mapping."""

    name: str
    mapping: str


FIRST, SECOND = Table("first", "mapping of first"), Table("second", "mapping of second")


def _of_lambda(name: str, dimension: str, value: str) -> Name:
    return "AWS/Lambda", name, ((dimension, value),)


def _of_service(name: str, **dimensions: str) -> Name:
    return "FeatureEvents", name, tuple(sorted({"service": STACK, **dimensions}.items()))


ERRORS = _of_lambda("Errors", "FunctionName", "FeatureEventsFunction")
THROTTLES = _of_lambda("Throttles", "FunctionName", "FeatureEventsFunction")
ITERATOR_AGE = _of_lambda("IteratorAge", "FunctionName", "FeatureEventsFunction")
DROPPED = _of_lambda("DestinationDeliveryFailures", "FunctionName", "FeatureEventsFunction")
POLLED = _of_lambda("PolledEventCount", "EventSourceMappingUUID", FIRST.mapping)
FAILED = _of_lambda("FailedInvokeEventCount", "EventSourceMappingUUID", FIRST.mapping)
MOVED = _of_lambda("OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID", FIRST.mapping)
UNDELIVERED = _of_service("RecordsUndelivered")
DEAD_LETTERS = _of_service("DeadLetters")
LIMIT_REACHED = _of_service("DeadLetterLimitReached")
RECORD_AGE = _of_service("RecordAge", table=FIRST.name)
DELIVERED = _of_service("EventsDelivered", table=FIRST.name, event_type=AVAILABLE)
OTHER_ITEMS = _of_service("RecordsSkipped", table=FIRST.name, reason="other_item")
NO_FEATURES = _of_service("RecordsSkipped", table=FIRST.name, reason="no_features")


class Assumptions(NamedTuple):
    """Behavior that AWS does not document. Each drill is played with and without it."""

    polls_while_retrying: bool
    """Lambda polls a shard while a batch of it waits for a retry."""
    retries_same_records: bool
    """A retry contains the same records, without those that arrived later."""
    counts_every_failure: bool
    """FailedInvokeEventCount includes throttled invocations and those that raised an error."""
    ages_every_attempt: bool
    """IteratorAge has a value for an invocation that raised an error or could not start."""
    retries_slowly: bool
    """Lambda waits five minutes before a retry instead of one second."""


class Scenario(NamedTuple):
    """How often an item is written, and what happens between two times."""

    faults: frozenset[Fault]
    writes: Writes
    seconds_between_writes: float
    starts: float
    ends: float

    def is_on(self, now: float) -> bool:
        """Return whether the faults are present."""
        return self.starts <= now < self.ends

    def find_kind(self, now: float) -> Kind:
        """Return the outcome of the record that is written now."""
        is_first = now - self.seconds_between_writes < self.starts <= now
        if "one record is bad" in self.faults and is_first:
            return "bad"
        if self.writes == "features and deletions" and int(now // self.seconds_between_writes) % 2:
            return "remove"
        if self.is_on(now):
            for cause, kind in WRITTEN.items():
                if cause in self.faults or cause == self.writes:
                    return kind
        if self.writes in {"features", "deletions", "features and deletions"}:
            return "features"
        day, second = divmod(now, DAY)
        is_due = day % 7 == 0 or self.writes == "features once a day"
        is_hour = int(second // HOUR) == FEATURE_HOURS[int(day % 7)]
        return "features" if is_due and is_hour else "other_item"


class Record(NamedTuple):
    """A record of the stream."""

    written: float
    kind: Kind


class Pipeline:
    """The first table's stream, its mapping, and the function."""

    def __init__(self, scenario: Scenario, assumptions: Assumptions) -> None:
        self.scenario = scenario
        self.assumptions = assumptions
        self.metrics = Metrics()
        self.records: deque[Record] = deque()
        self.now = 0.0
        self.next_write = scenario.seconds_between_writes
        self.dead_lettered = 0.0
        self.retried = 0

    def run(self, until: float) -> None:
        """Play the scenario until this time."""
        while self.now < until:
            self.write()
            if self.has("mapping is disabled") or self.has("stream denies access") or self.now < FIRST_READ:
                self.now += MINUTE
                continue
            self.metrics.put(POLLED, self.now, len(self.records))
            self.send_to_failure_bucket()
            self.wait(self.invoke() if self.records else MINUTE)

    def has(self, fault: Fault) -> bool:
        """Return whether a fault is present now."""
        return fault in self.scenario.faults and self.scenario.is_on(self.now)

    def write(self) -> None:
        """Write the items that are due."""
        while self.next_write <= self.now:
            self.records.append(Record(self.next_write, self.scenario.find_kind(self.next_write)))
            self.next_write += self.scenario.seconds_between_writes

    def wait(self, seconds: float) -> None:
        """Advance the time. Lambda may poll in between."""
        if self.assumptions.polls_while_retrying:
            for minute in range(1, int(seconds // MINUTE)):
                self.metrics.put(POLLED, self.now + minute * MINUTE, 0)
        self.now += seconds

    def send_to_failure_bucket(self) -> None:
        """Move records that are too old to the failure bucket. If it denies access, they are lost."""
        before = len(self.records)
        while self.records and self.records[0].written < self.now - MAXIMUM_AGE:
            self.records.popleft()
        moved = before - len(self.records)
        if moved and self.has("failure bucket denies access"):
            self.metrics.put(DROPPED, self.now, 1)
        elif moved:
            self.metrics.put(MOVED, self.now, moved)

    def invoke(self) -> float:
        """Pass a batch to the function, and return the seconds until Lambda polls or retries."""
        pause = 5.0 * MINUTE if self.assumptions.retries_slowly else 1.0
        batch = min(len(self.records), self.retried or (1 if self.has("function is slow") else BATCH))
        if self.has("function is throttled"):
            self.metrics.put(THROTTLES, self.now, 1)
            self.fail(batch, is_certain=False)
            return pause
        if self.has("function cannot start"):
            self.fail(batch, is_certain=True)
            return pause
        self.metrics.put(RECORD_AGE, self.now, (self.now - self.records[0].written) * 1000)
        if self.has("function is misconfigured"):
            self.metrics.put(ERRORS, self.now, 1)
            self.fail(batch, is_certain=False)
            return 1 + pause
        took, done = self.handle(batch)
        ended = self.now + took
        self.metrics.put(ITERATOR_AGE, ended, (ended - self.records[batch - 1].written) * 1000)
        if done < batch:
            self.metrics.put(FAILED, ended, batch - done)
        for _ in range(done):
            self.records.popleft()
        self.retried = batch - done if self.assumptions.retries_same_records else 0
        return took + (pause if done < batch else 0)

    def fail(self, batch: int, *, is_certain: bool) -> None:
        """Count an invocation that raised an error or could not start."""
        if is_certain or self.assumptions.counts_every_failure:
            self.metrics.put(FAILED, self.now, batch)
        if self.assumptions.ages_every_attempt:
            self.metrics.put(ITERATOR_AGE, self.now, (self.now - self.records[batch - 1].written) * 1000)

    def handle(self, batch: int) -> tuple[float, int]:
        """Play the function, and return its duration and the number of records that it settles."""
        settled: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        for record in islice(self.records, batch):
            if self.is_stopped_by(record, settled["bad"]):
                break
            settled[record.kind] += 1
        done = sum(settled.values())
        is_limit = (
            done < batch and not self.has("Kafka is unavailable") and not self.has("failure bucket denies access")
        )
        if is_limit and not done:
            self.metrics.put(ERRORS, self.now, 1)
        self.dead_lettered = max(0.0, self.dead_lettered + settled["bad"] - settled["features"] / 10)
        took = 1.0
        if self.has("Kafka is unavailable") and done < batch:
            took = DELIVERY_SECONDS
        elif self.has("function is slow"):
            took = batch * 2 * self.scenario.seconds_between_writes
        self.emit_outcome(self.now + took, settled, undelivered=batch - done, is_limit=is_limit)
        return took, done

    def is_stopped_by(self, record: Record, dead: int) -> bool:
        """Return whether the function cannot settle this record now."""
        if record.kind == "features":
            return self.has("Kafka is unavailable")
        if record.kind == "bad":
            return self.has("failure bucket denies access") or self.dead_lettered + dead >= DEAD_LETTER_LIMIT
        return False

    def emit_outcome(self, at: float, settled: Mapping[Kind, int], *, undelivered: int, is_limit: bool) -> None:
        """Emit the function's metrics of a batch, zeros included."""
        self.metrics.put(UNDELIVERED, at, undelivered)
        self.metrics.put(DEAD_LETTERS, at, settled["bad"])
        self.metrics.put(LIMIT_REACHED, at, is_limit)
        self.metrics.put(DELIVERED, at, settled["features"])
        self.metrics.put(OTHER_ITEMS, at, settled["other_item"])
        self.metrics.put(NO_FEATURES, at, settled["no_features"])


def play_both(scenario: Scenario, assumptions: Assumptions, until: float) -> Metrics:
    """Return the metrics of both tables. Only the first has the faults of a single table."""
    first = play_table(scenario, assumptions, until)
    second = play_table(scenario._replace(faults=scenario.faults - SINGLE_TABLE_FAULTS), assumptions, until)
    return first.merge(second, {FIRST.name: SECOND.name, FIRST.mapping: SECOND.mapping})


@lru_cache(maxsize=8)  # many drills have the same second table
def play_table(scenario: Scenario, assumptions: Assumptions, until: float) -> Metrics:
    """Return the metrics of one table."""
    pipeline = Pipeline(scenario, assumptions)
    pipeline.run(until)
    return pipeline.metrics
