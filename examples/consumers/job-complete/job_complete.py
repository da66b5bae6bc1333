"""Starts a job once the features of another one are complete: no event of it has come for some minutes.

A job is a resource_name and a compute_id. Its events are in all partitions, so one process reads the whole topic, and
ends if it is given only a part. Time is that of the messages, and does not pass a partition that has more to read. If
nothing is left to read, and no message comes for the same minutes by the clock, every job is complete. Kafka is the
only memory: nothing from the first event of a job that waits is committed. So no job is lost in a restart, but one may
be told again. An event that comes later begins a new wait, and the job is told again.
"""

import json
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Event as Flag
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

STORE_SECONDS: Final = 1.0
"""How often it is said what can be committed."""
MOST_WAITING: Final = 100_000
"""The most jobs that wait. More of them have ids that are not those of jobs, or too long a wait."""
REMEMBERED: Final = 100_000
"""So many events are known again when they are repeated."""
LIMIT: Final = 10.0
"""Seconds in which Kafka must say how many partitions the topic has."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""
BACKFILLED: Final = ("ce_backfill", b"true")
"""The header of an event that announces what a table already held."""

type Job = tuple[str, str]
"""Its resource_name and its compute_id."""


class Wait(NamedTuple):
    """A job of which events have come."""

    last: float
    """When the last one came, in the messages' time, in seconds."""
    events: int
    first: dict[int, int]
    """partition -> the offset of the job's first event there."""


class Waiting:
    """The jobs that wait, and the time in the partitions of the topic."""

    def __init__(self, quiet: float, partitions: Iterable[int], clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._arrived = clock()
        self._times = dict.fromkeys(partitions, 0.0)
        self._unread = set(self._times)
        self._next: dict[int, int] = {}
        self._now = 0.0
        self._jobs: dict[Job, Wait] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def add(self, partition: int, offset: int, written: float, event: dict[str, Any] | None) -> None:
        """Take a message; without an event it only lets time pass."""
        self._arrived = self._clock()
        self._unread.add(partition)
        self._next[partition] = offset + 1
        self._times[partition] = max(self._times[partition], written)
        self._pass_time()
        if event is None or not event["compute_id"] or self._is_repeat(event["event_id"]):
            return
        job = event["resource_name"], event["compute_id"]
        wait = self._jobs.get(job, Wait(0.0, 0, {}))
        wait.first.setdefault(partition, offset)
        self._jobs[job] = Wait(max(wait.last, self._times[partition]), wait.events + 1, wait.first)
        if len(self._jobs) > MOST_WAITING:
            sys.exit(f"more than {MOST_WAITING} jobs wait: lower QUIET_MINUTES, unless compute_id names no job")

    def end(self, partition: int, offset: int) -> None:
        """Nothing is left to read in this partition before this offset."""
        self._unread.discard(partition)
        self._next[partition] = offset
        self._pass_time()

    def tick(self) -> None:
        """Complete all jobs if the topic has been silent for long enough by the clock."""
        if not self._unread and self._clock() - self._arrived >= self._quiet:
            self._complete(list(self._jobs))

    def find_safe_offsets(self) -> Iterator[tuple[int, int]]:
        """Where a restart has to go on in each partition: at the first event of a job that waits."""
        for partition, behind in self._next.items():
            waiting = [wait.first[partition] for wait in self._jobs.values() if partition in wait.first]
            yield partition, min(waiting, default=behind)

    def _pass_time(self) -> None:
        unread = [self._times[each] for each in self._unread]
        now = min(unread) if unread else max(self._times.values())
        if now > self._now:
            self._now = now
            self._complete([job for job, wait in self._jobs.items() if wait.last + self._quiet <= now])

    def _complete(self, jobs: list[Job]) -> None:
        for job in sorted(jobs, key=lambda each: self._jobs[each].last):
            start(job, self._jobs.pop(job).events)

    def _is_repeat(self, event_id: str) -> bool:
        if event_id in self._seen:
            return True
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False


type NewWaiting = Callable[[Iterable[int]], Waiting]
"""Makes what waits in these partitions, from nothing."""


def start(job: Job, events: int) -> None:
    """Starts what needs all of a job's features: put your own work here. A job that is told again has the same name."""
    name = str(uuid5(NAMESPACE_OID, json.dumps(job)))
    told = {"complete": name, "resource_name": job[0], "compute_id": job[1], "events": events}
    print(json.dumps(told, ensure_ascii=False), flush=True)


def read_setting(name: str) -> str:
    """A setting that must be there."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


def read_quiet() -> float:
    """How long no event of a job must have come, in seconds."""
    try:
        minutes = float(os.environ.get("QUIET_MINUTES") or "10")
    except ValueError:
        minutes = 0.0
    return minutes * 60 if minutes > 0 else sys.exit("QUIET_MINUTES must be a number of minutes above 0")


def read_start_backfilled() -> bool:
    """Whether backfilled events count too."""
    value = os.environ.get("START_BACKFILLED") or "false"
    if value not in ("true", "false"):
        sys.exit("START_BACKFILLED must be true or false")
    return value == "true"


class Registry(SchemaRegistryClient):
    """Ends the program where the registry does not answer: that is not the message's fault."""

    def get_schema(self, *asked: Any, **named: Any) -> Schema:  # noqa: ANN401  # the client's own
        """The schema of an id; where the registry knows none, the client's own error."""
        try:
            return super().get_schema(*asked, **named)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"the schema registry did not answer ({reason}); nothing is wrong with the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """The event of a message, by the schema that it was written with; it ends the program where there is none."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "it has no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder fails in many ways, and its text can hold the payload
        event, reason = None, type(error).__name__
    if isinstance(event, dict):
        return event
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


class Reader:
    """Reads the whole topic in one process."""

    def __init__(self, consumer: Consumer, deserialize: AvroDeserializer, topic: str, new: NewWaiting) -> None:
        self._consumer = consumer
        self._deserialize = deserialize
        self._topic = topic
        self._new = new
        self._waiting = new(())
        self._stored = time.monotonic()
        consumer.subscribe([topic], on_assign=self._begin, on_revoke=self._forget)

    def read(self, *, start_backfilled: bool) -> None:
        """Take the next message, if there is one, and complete the jobs whose time has come."""
        message = self._consumer.poll(STORE_SECONDS)
        if message is not None:
            self._take(message, start_backfilled=start_backfilled)
        self._waiting.tick()
        if time.monotonic() - self._stored >= STORE_SECONDS:
            self.store()

    def store(self) -> None:
        """Let what no waiting job needs be committed."""
        self._stored = time.monotonic()
        offsets = [TopicPartition(self._topic, *each) for each in self._waiting.find_safe_offsets()]
        if offsets:
            self._consumer.store_offsets(offsets=offsets)

    def _begin(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        whole = consumer.list_topics(self._topic, timeout=LIMIT).topics[self._topic].partitions
        if len(partitions) < len(whole):
            sys.exit(
                f"this process was given {len(partitions)} of the topic's {len(whole)} partitions, but a job's events "
                "are in all of them: run one process of this consumer group"
            )
        self._waiting = self._new([each.partition for each in partitions])

    def _forget(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._waiting = self._new(())

    def _take(self, message: Message, *, start_backfilled: bool) -> None:
        number, offset = message.partition() or 0, message.offset() or 0
        if (error := message.error()) is None:
            event = read_event(self._deserialize, message)
            counts = start_backfilled or BACKFILLED not in (message.headers() or ())
            self._waiting.add(number, offset, message.timestamp()[1] / 1000, event if counts else None)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
            self._waiting.end(number, offset)
        else:
            raise KafkaException(error)


def main() -> None:
    """Reads the topic from its beginning, or from where its group was."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # beside it and the registry's url: how you authenticate
        "group.id": "example-job-complete",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy the client first asks for associations, which many registries and their proxies refuse
    deserialize = AvroDeserializer(registry, conf={"subject.name.strategy.type": "TOPIC"})
    quiet, start_backfilled = read_quiet(), read_start_backfilled()
    topic = os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"
    consumer = Consumer(settings)
    reader = Reader(consumer, deserialize, topic, partial(Waiting, quiet))
    try:
        while not stopping.is_set():
            reader.read(start_backfilled=start_backfilled)
        reader.store()
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    finally:
        consumer.close()  # commits, and leaves the group


if __name__ == "__main__":
    main()
