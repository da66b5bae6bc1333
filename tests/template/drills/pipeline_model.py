"""A plain model of what Lambda, its mapping, the function, DynamoDB and S3 count in a week.

It has one stream with one shard. Which metric exists when is AWS's:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (Lambda and its mappings)
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
"""

from collections import deque
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
    "not enabled",
    "one record is bad",
    "throttled",
    "too slow",
]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
RECORD_AGE = 23 * HOUR  # MaximumRecordAgeSeconds
DEAD_LETTER_LIMIT = 100
BATCH = 1000
FIRST_READ = 5 * MINUTE  # a new mapping reads after some minutes


TABLE, MAPPING, STREAM = "table", "mapping", "stream"  # stand for the deployment's own names


def to_name(namespace: str, name: str, **dimensions: str) -> Name:
    """A metric's name, as the alarms have it."""
    return namespace, name, tuple(sorted(dimensions.items()))


def of_function(name: str) -> Name:
    """One of Lambda's metrics of the function."""
    return to_name("AWS/Lambda", name, FunctionName="FeatureEventsFunction")


def of_service(name: str) -> Name:
    """One of the function's own."""
    return to_name("FeatureEvents", name, service=STACK)


WRITTEN = to_name("AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName=TABLE)
REQUESTED = to_name(
    "AWS/DynamoDB", "SuccessfulRequestLatency", TableName=TABLE, StreamLabel=STREAM, Operation="GetRecords"
)
POLLED = to_name("AWS/Lambda", "PolledEventCount", EventSourceMappingUUID=MAPPING)
INVOKED, FAILED, THROTTLED = map(of_function, ("Invocations", "Errors", "Throttles"))
ITERATOR_AGE, DROPPED = map(of_function, ("IteratorAge", "DestinationDeliveryFailures"))
OWN = ("RecordsUndelivered", "DeadLetters", "DeadLetterLimitReached")  # those that alarms are on
UNDELIVERED, DEAD_LETTERS, LIMIT_REACHED = map(of_service, OWN)
PUT = to_name("AWS/S3", "PutRequests", BucketName="FailureBucket", FilterId="on-failure")


class Timeouts(NamedTuple):
    """How long the function may take, and how long it waits for Kafka, in seconds."""

    function: float
    delivery: float


class Answers(NamedTuple):
    """What AWS's documentation leaves open of Lambda and S3: drills are played with each answer."""

    reads_on: bool
    """Lambda polls a shard also while a batch of it waits to be tried again."""
    counts_refused_puts: bool
    """S3 counts a request that it refuses as a PutRequest."""
    retries_the_batch: bool
    """Lambda tries the very same records again, without those that came meanwhile."""
    retries_slowly: bool
    """Lambda waits five minutes before it tries a batch again, not a second."""


class Week(NamedTuple):
    """What happens: how often an item is written, and from when to when something is wrong."""

    troubles: frozenset[Trouble]
    seconds_between_writes: float
    starts: float
    ends: float


class Record(NamedTuple):
    """A write in the stream."""

    written: float
    is_bad: bool


class Pipeline:
    """The stream and the function at one time of the week."""

    def __init__(self, week: Week, timeouts: Timeouts, answers: Answers) -> None:
        self.week = week
        self.timeouts = timeouts
        self.answers = answers
        self.metrics = Metrics()
        self.records: deque[Record] = deque()
        self.now = 0.0
        self.next_write = week.seconds_between_writes
        self.dead_lettered = 0
        self.retried = 0

    def run(self, until: float = WEEK) -> Metrics:
        """Plays the week, or its beginning."""
        while self.now < until:
            self.write()
            if self.has("not enabled") or self.has("no access to the stream") or self.now < FIRST_READ:
                self.now += MINUTE
                continue
            self.read(self.now)
            self.send_to_failure_destination()
            self.wait(self.invoke() if self.records else MINUTE)
        return self.metrics

    def has(self, trouble: Trouble) -> bool:
        """Whether something is wrong now."""
        return trouble in self.week.troubles and self.week.starts <= self.now < self.week.ends

    def write(self) -> None:
        """Items are written, whatever becomes of their records."""
        while self.next_write <= self.now:
            is_first = self.next_write - self.week.seconds_between_writes < self.week.starts <= self.next_write
            is_bad = self.has("every record is bad") or (is_first and "one record is bad" in self.week.troubles)
            self.records.append(Record(self.next_write, is_bad))
            self.put(WRITTEN, 1, self.next_write)
            self.next_write += self.week.seconds_between_writes

    def read(self, at: float) -> None:
        """The mapping polls the shard, which the mapping and DynamoDB count."""
        self.put(POLLED, len(self.records), at)
        self.put(REQUESTED, 5, at)

    def wait(self, seconds: float) -> None:
        """Time passes; Lambda may poll meanwhile."""
        if self.answers.reads_on:
            for minute in range(1, int(seconds // MINUTE)):
                self.read(self.now + minute * MINUTE)
        self.now += seconds

    def send_to_failure_destination(self) -> None:
        """What is too old goes to the bucket, or is lost."""
        before = len(self.records)
        while self.records and self.records[0].written < self.now - RECORD_AGE:
            self.records.popleft()
        if len(self.records) == before:
            return
        refused = self.has("bucket refuses")
        if refused:
            self.put(DROPPED, 1, self.now)
        if not refused or self.answers.counts_refused_puts:
            self.put(PUT, 1, self.now)

    def invoke(self) -> float:
        """Lambda tries to have a batch handled; how long until it polls or tries again, in seconds."""
        pause = 5.0 * MINUTE if self.answers.retries_slowly else 1.0
        if self.has("throttled"):
            self.put(THROTTLED, 1, self.now)
            return pause
        if self.has("cannot start"):
            return pause
        self.put(INVOKED, 1, self.now)
        if self.has("misconfigured"):
            self.put(FAILED, 1, self.now)
            return 1 + pause
        batch = min(len(self.records), self.retried or (1 if self.has("too slow") else BATCH))
        took, done = self.handle(batch)
        ended = self.now + took
        self.put(ITERATOR_AGE, (ended - self.records[batch - 1].written) * 1000, ended)
        for _ in range(done):
            self.records.popleft()
        self.retried = batch - done if self.answers.retries_the_batch else 0
        return took + (pause if done < batch else 0)

    def handle(self, batch: int) -> tuple[float, int]:
        """The function's part: how long it takes, and how many records it is done with."""
        if self.has("Kafka is away"):
            took = min(self.timeouts.delivery, self.timeouts.function - 5)
            self.emit(self.now + took, batch)
            return took, 0
        if self.has("too slow"):
            took = batch * 2 * self.week.seconds_between_writes
            self.emit(self.now + took, 0)
            return took, batch
        done = dead = delivered = 0
        for record in islice(self.records, batch):
            if not record.is_bad:
                delivered += 1
            elif self.has("bucket refuses") or self.dead_lettered >= DEAD_LETTER_LIMIT:
                break
            else:
                dead += 1
                self.dead_lettered += 1
            done += 1
        if delivered:
            self.dead_lettered = 0
        limited = done < batch and not self.has("bucket refuses")
        if limited and not done:
            self.put(FAILED, 1, self.now)
        self.emit(self.now + 1, batch - done, dead=dead, limited=limited)
        return 1, done

    def emit(self, at: float, undelivered: int, *, dead: int = 0, limited: bool = False) -> None:
        """The function's own figures, of which it emits zeros too; see `feature_events.metrics.Figures.measure`."""
        self.put(UNDELIVERED, undelivered, at)
        self.put(DEAD_LETTERS, dead, at)
        self.put(LIMIT_REACHED, int(limited), at)

    def put(self, metric: Name, value: float, at: float) -> None:
        """A point of a metric."""
        self.metrics.put(metric, at, value)
