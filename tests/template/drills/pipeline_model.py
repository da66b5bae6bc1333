"""A plain model of what Lambda, the mappings and the function count.

Two tables have a stream with one shard each, and share the function. AWS's page says which metric exists when:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
A mapping counts the events of every attempt that failed, since the page counts events with which Lambda "tried to
invoke" the function.
"""

from collections import Counter, deque
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Literal, NamedTuple

from tests.template.drills.alarms import Name
from tests.template.drills.cloudwatch import Metrics
from tests.template.expansion import STACK

type Trouble = Literal[
    "bucket refuses",
    "cannot start",
    "every record is bad",
    "Kafka is away",
    "misconfigured",
    "no access to the stream",
    "no features",
    "not enabled",
    "one record is bad",
    "other items",
    "throttled",
    "too slow",
]
OF_ONE_TABLE: frozenset[Trouble] = frozenset(
    {
        "every record is bad",
        "no access to the stream",
        "no features",
        "not enabled",
        "one record is bad",
        "other items",
        "too slow",
    }
)
"""The troubles that only one of the two tables has."""

type Reason = Literal["other_item", "no_features", "remove"]
type Kind = Literal["features", "bad"] | Reason
"""What the function makes of a record: an event, a dead letter, or a skip for this reason."""
type Writes = Literal["features", "deletions", "features once a day", "features once a week"]
"""What the writers do: write features, delete items for a time, or write few features among many other items."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
RECORD_AGE = 23 * HOUR  # MaximumRecordAgeSeconds
DEAD_LETTER_LIMIT = 100
DELIVERY_SECONDS = 20  # of waiting for Kafka
BATCH = 1000
REASONS: tuple[Reason, ...] = ("other_item", "no_features", "remove")
FIRST_READ = 5 * MINUTE  # a new mapping reads after some minutes
FEATURE_HOURS = (1, 23, 2, 20, 0, 22, 5)
"""The hour of each day at which a table with features once a day has them: up to 46 hours apart."""

KINDS: Mapping[Trouble | Writes, Kind] = {
    "every record is bad": "bad",
    "other items": "other_item",
    "no features": "no_features",
    "deletions": "remove",
}
"""Trouble or habit -> what is written while it lasts."""


class Table(NamedTuple):
    """A table and its mapping."""

    name: str
    mapping: str


FIRST, SECOND = Table("first", "mapping of first"), Table("second", "mapping of second")


class Answers(NamedTuple):
    """What AWS's documentation leaves open: drills are played with each answer."""

    reads_on: bool
    """Lambda polls a shard also while a batch of it waits to be retried."""
    retries_the_batch: bool
    """Lambda retries exactly the same records, without those that arrived meanwhile."""
    counts_every_failure: bool
    """FailedInvokeEventCount includes throttled invocations and those that raised."""
    ages_every_attempt: bool
    """IteratorAge has a point for an invocation that raised or could not begin."""
    retries_slowly: bool
    """Lambda waits five minutes before it retries a batch, not a second."""


class Week(NamedTuple):
    """What happens: how often an item is written, and from when to when something is different."""

    troubles: frozenset[Trouble]
    writes: Writes
    seconds_between_writes: float
    starts: float
    ends: float

    def is_on(self, now: float) -> bool:
        """Return whether something is different at this time."""
        return self.starts <= now < self.ends

    def find_kind(self, now: float) -> Kind:
        """Return what is written at this time."""
        is_first = now - self.seconds_between_writes < self.starts <= now
        if "one record is bad" in self.troubles and is_first:
            return "bad"
        if self.is_on(now):
            for trouble, kind in KINDS.items():
                if trouble in self.troubles or trouble == self.writes:
                    return kind
        day, second = divmod(now, DAY)
        is_due = day % 7 == 0 or self.writes == "features once a day"
        is_hour = int(second // HOUR) == FEATURE_HOURS[int(day % 7)]
        is_rare = self.writes in {"features once a day", "features once a week"}
        return "other_item" if is_rare and not (is_due and is_hour) else "features"


class Record(NamedTuple):
    """A write in the stream."""

    written: float
    kind: Kind


class Pipeline:
    """One table's stream, its mapping and the function at one time of the week."""

    def __init__(self, table: Table, week: Week, answers: Answers, metrics: Metrics) -> None:
        self.table = table
        self.week = week
        self.answers = answers
        self.metrics = metrics
        self.records: deque[Record] = deque()
        self.now = 0.0
        self.next_write = week.seconds_between_writes
        self.dead_lettered = 0.0
        self.retried = 0

    def run(self, until: float) -> None:
        """Play the time until then."""
        while self.now < until:
            self.write()
            if self.has("not enabled") or self.has("no access to the stream") or self.now < FIRST_READ:
                self.now += MINUTE
                continue
            self.count_of_mapping("PolledEventCount", len(self.records), self.now)
            self.send_to_failure_destination()
            self.wait(self.invoke() if self.records else MINUTE)

    def has(self, trouble: Trouble) -> bool:
        """Return whether this is wrong now."""
        return trouble in self.week.troubles and self.week.is_on(self.now)

    def write(self) -> None:
        """Write the items that are due, whatever happens to their records."""
        while self.next_write <= self.now:
            self.records.append(Record(self.next_write, self.week.find_kind(self.next_write)))
            self.next_write += self.week.seconds_between_writes

    def wait(self, seconds: float) -> None:
        """Let time pass; Lambda may poll meanwhile."""
        if self.answers.reads_on:
            for minute in range(1, int(seconds // MINUTE)):
                self.count_of_mapping("PolledEventCount", 0, self.now + minute * MINUTE)
        self.now += seconds

    def send_to_failure_destination(self) -> None:
        """Move records that are too old to the bucket; if it refuses them, they are lost."""
        before = len(self.records)
        while self.records and self.records[0].written < self.now - RECORD_AGE:
            self.records.popleft()
        gone = before - len(self.records)
        if gone and self.has("bucket refuses"):
            self.count_of_function("DestinationDeliveryFailures", 1, self.now)
        elif gone:
            self.count_of_mapping("OnFailureDestinationDeliveredEventCount", gone, self.now)

    def invoke(self) -> float:
        """Pass a batch to the function; return the seconds until Lambda polls or retries."""
        pause = 5.0 * MINUTE if self.answers.retries_slowly else 1.0
        batch = min(len(self.records), self.retried or (1 if self.has("too slow") else BATCH))
        if self.has("throttled"):
            self.count_of_function("Throttles", 1, self.now)
            self.fail(batch, is_certain=False)
            return pause
        if self.has("cannot start"):
            self.fail(batch, is_certain=True)
            return pause
        self.emit(self.now, RecordAge=(self.now - self.records[0].written) * 1000)
        if self.has("misconfigured"):
            self.count_of_function("Errors", 1, self.now)
            self.fail(batch, is_certain=False)
            return 1 + pause
        took, done = self.handle(batch)
        ended = self.now + took
        self.count_of_function("IteratorAge", (ended - self.records[batch - 1].written) * 1000, ended)
        if done < batch:
            self.count_of_mapping("FailedInvokeEventCount", batch - done, ended)
        for _ in range(done):
            self.records.popleft()
        self.retried = batch - done if self.answers.retries_the_batch else 0
        return took + (pause if done < batch else 0)

    def fail(self, batch: int, *, is_certain: bool) -> None:
        """Count an invocation that raised or could not begin."""
        if is_certain or self.answers.counts_every_failure:
            self.count_of_mapping("FailedInvokeEventCount", batch, self.now)
        if self.answers.ages_every_attempt:
            age = (self.now - self.records[batch - 1].written) * 1000
            self.count_of_function("IteratorAge", age, self.now)

    def handle(self, batch: int) -> tuple[float, int]:
        """Play the function: return how long it takes, and how many records it settles."""
        settled: Counter[Kind] = Counter()
        for record in islice(self.records, batch):
            if self.is_stopped_by(record, settled["bad"]):
                break
            settled[record.kind] += 1
        done = settled.total()
        is_limit = done < batch and not self.has("Kafka is away") and not self.has("bucket refuses")
        if is_limit and not done:
            self.count_of_function("Errors", 1, self.now)
        self.dead_lettered = max(0.0, self.dead_lettered + settled["bad"] - settled["features"] / 10)
        took = 1.0
        if self.has("Kafka is away") and done < batch:
            took = DELIVERY_SECONDS
        elif self.has("too slow"):
            took = batch * 2 * self.week.seconds_between_writes
        self.emit_outcome(self.now + took, settled, undelivered=batch - done, is_limit=is_limit)
        return took, done

    def is_stopped_by(self, record: Record, dead: int) -> bool:
        """Return whether this record cannot be settled now."""
        if record.kind == "features":
            return self.has("Kafka is away")
        if record.kind == "bad":
            return self.has("bucket refuses") or self.dead_lettered + dead >= DEAD_LETTER_LIMIT
        return False

    def emit_outcome(self, at: float, settled: Counter[Kind], *, undelivered: int, is_limit: bool) -> None:
        """Emit the figures of a batch that was handled, zeros included."""
        self.emit(at, EventsDelivered=settled["features"], RecordsUndelivered=undelivered, DeadLetters=settled["bad"])
        self.metrics.put(to_name("FeatureEvents", "DeadLetterLimitReached", service=STACK), at, is_limit)
        for reason in REASONS:
            name = to_name("FeatureEvents", "RecordsSkipped", service=STACK, table=self.table.name, reason=reason)
            self.metrics.put(name, at, settled[reason])

    def emit(self, at: float, **figures: float) -> None:
        """Emit figures of the function for the table and for the service; see `feature_events.metrics`."""
        for name, value in figures.items():
            self.metrics.put(to_name("FeatureEvents", name, service=STACK), at, value)
            self.metrics.put(to_name("FeatureEvents", name, service=STACK, table=self.table.name), at, value)

    def count_of_function(self, name: str, value: float, at: float) -> None:
        """Add a point of one of Lambda's metrics of the function."""
        self.metrics.put(to_name("AWS/Lambda", name, FunctionName="FeatureEventsFunction"), at, value)

    def count_of_mapping(self, name: str, value: float, at: float) -> None:
        """Add a point of one of Lambda's metrics of the table's mapping."""
        self.metrics.put(to_name("AWS/Lambda", name, EventSourceMappingUUID=self.table.mapping), at, value)


@cache
def to_name(namespace: str, name: str, **dimensions: str) -> Name:
    """Return a metric's name, as the alarms have it."""
    return namespace, name, tuple(sorted(dimensions.items()))


def play_both(week: Week, answers: Answers, until: float) -> Metrics:
    """Return what is counted for both tables, of which only the first has the troubles of one table."""
    metrics = Metrics()
    Pipeline(FIRST, week, answers, metrics).run(until)
    Pipeline(SECOND, week._replace(troubles=week.troubles - OF_ONE_TABLE), answers, metrics).run(until)
    return metrics
