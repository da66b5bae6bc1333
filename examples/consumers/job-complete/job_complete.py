"""Start a job once another job is complete, that is, if none of its events has arrived for some minutes.

A job is identified by resource_name and compute_id. Only events of the type feature_available count. They are in all
partitions, so one process must read the whole topic; it exits if it is assigned only some partitions. Time is that of
the messages, and advances only as far as every partition has been read. If all messages have been read, and none
arrives for the same number of minutes by the clock, every job is complete.

Kafka is the only storage. While a job is waiting, its first event and all later messages stay uncommitted. A restart
therefore loses no job, but may start one again. A late event starts a new wait, and the job is started again.
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
"""The interval between commits."""
MOST_WAITING: Final = 100_000
"""The largest number of waiting jobs. With more, compute_id does not identify jobs, or QUIET_MINUTES is too long."""
REMEMBERED: Final = 100_000
"""The number of event ids to remember."""
LIMIT: Final = 10.0
"""The timeout in seconds for requesting the topic's partitions."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""
AVAILABLE: Final = "feature_available"
"""The event type that counts as an event of a job. All other types, also unknown ones, only advance the time."""
BACKFILLED: Final = ("ce_backfill", b"true")
"""The header of a backfilled event, which announces an existing item."""

type Job = tuple[str, str]
"""The resource_name and the compute_id of a job."""


class Wait(NamedTuple):
    """A job for which events have arrived."""

    last: float
    """The time of the last event in seconds, in the messages' time."""
    events: int
    first: dict[int, int]
    """The offset of the job's first event in each partition."""


class Waiting:
    """The waiting jobs, and the time of each partition."""

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
        """Add a message. Without an event, it only advances the time."""
        self._arrived = self._clock()
        self._unread.add(partition)
        self._next[partition] = offset + 1
        self._times[partition] = max(self._times[partition], written)
        self._pass_time()
        if event is None or not event["compute_id"] or self._is_duplicate(event["event_id"]):
            return
        job = event["resource_name"], event["compute_id"]
        wait = self._jobs.get(job, Wait(0.0, 0, {}))
        wait.first.setdefault(partition, offset)
        self._jobs[job] = Wait(max(wait.last, self._times[partition]), wait.events + 1, wait.first)
        if len(self._jobs) > MOST_WAITING:
            sys.exit(
                f"more than {MOST_WAITING} jobs are waiting; lower QUIET_MINUTES or check that compute_id names a job"
            )

    def end(self, partition: int, offset: int) -> None:
        """Record that this partition has been read up to this offset."""
        self._unread.discard(partition)
        self._next[partition] = offset
        self._pass_time()

    def tick(self) -> None:
        """Complete all jobs if no message has arrived for long enough by the clock."""
        if not self._unread and self._clock() - self._arrived >= self._quiet:
            self._complete(list(self._jobs))

    def find_safe_offsets(self) -> Iterator[tuple[int, int]]:
        """Yield the offset to resume from in each partition: the first event of a waiting job."""
        for partition, following in self._next.items():
            waiting = [wait.first[partition] for wait in self._jobs.values() if partition in wait.first]
            yield partition, min(waiting, default=following)

    def _pass_time(self) -> None:
        unread = [self._times[each] for each in self._unread]
        now = min(unread) if unread else max(self._times.values())
        if now > self._now:
            self._now = now
            self._complete([job for job, wait in self._jobs.items() if wait.last + self._quiet <= now])

    def _complete(self, jobs: list[Job]) -> None:
        for job in sorted(jobs, key=lambda each: self._jobs[each].last):
            start(job, self._jobs.pop(job).events)

    def _is_duplicate(self, event_id: str) -> bool:
        if event_id in self._seen:
            return True
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False


type NewWaiting = Callable[[Iterable[int]], Waiting]
"""Makes the empty state for these partitions."""


def start(job: Job, events: int) -> None:
    """Start the work that needs all features of a job: replace this with your own. A repeated job has the same name."""
    name = str(uuid5(NAMESPACE_OID, json.dumps(job)))
    line = {"complete": name, "resource_name": job[0], "compute_id": job[1], "events": events}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def read_setting(name: str) -> str:
    """Return a required setting."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


def read_quiet() -> float:
    """Return the number of seconds without events after which a job is complete."""
    try:
        minutes = float(os.environ.get("QUIET_MINUTES") or "10")
    except ValueError:
        minutes = 0.0
    return minutes * 60 if minutes > 0 else sys.exit("QUIET_MINUTES must be a number of minutes above 0")


def read_start_backfilled() -> bool:
    """Return whether backfilled events count too."""
    value = os.environ.get("START_BACKFILLED") or "false"
    if value not in ("true", "false"):
        sys.exit("START_BACKFILLED must be true or false")
    return value == "true"


class Registry(SchemaRegistryClient):
    """A registry client that exits the program if the registry is unavailable, because the message is not at fault."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Schema:  # noqa: ANN401  # the client's signature
        """Return a schema. The client's error is raised only for an unknown schema id."""
        try:
            return super().get_schema(*args, **kwargs)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # an error of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"schema registry unavailable ({reason}); restart this program to retry the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """Decode a message with the schema that wrote it, or exit the program if it is not an event."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder can raise any error, and the error's text can contain the payload
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
        """Add the next message, if there is one, and complete the jobs that are due."""
        message = self._consumer.poll(STORE_SECONDS)
        if message is not None:
            self._add(message, start_backfilled=start_backfilled)
        self._waiting.tick()
        if time.monotonic() - self._stored >= STORE_SECONDS:
            self.store()

    def store(self) -> None:
        """Store the offsets that no waiting job needs, so that they are committed."""
        self._stored = time.monotonic()
        offsets = [TopicPartition(self._topic, *each) for each in self._waiting.find_safe_offsets()]
        if offsets:
            self._consumer.store_offsets(offsets=offsets)

    def _begin(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        whole = consumer.list_topics(self._topic, timeout=LIMIT).topics[self._topic].partitions
        if len(partitions) < len(whole):
            sys.exit(
                f"this process was assigned {len(partitions)} of the topic's {len(whole)} partitions, but a job's "
                "events are in all of them; run only one process in this consumer group"
            )
        self._waiting = self._new([each.partition for each in partitions])

    def _forget(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._waiting = self._new(())

    def _add(self, message: Message, *, start_backfilled: bool) -> None:
        number, offset = message.partition() or 0, message.offset() or 0
        if (error := message.error()) is None:
            event = read_event(self._deserialize, message)
            is_live = BACKFILLED not in (message.headers() or ())
            counts = event["event_type"] == AVAILABLE and (is_live or start_backfilled)
            self._waiting.add(number, offset, message.timestamp()[1] / 1000, event if counts else None)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the documented name
            self._waiting.end(number, offset)
        else:
            raise KafkaException(error)


def main() -> None:
    """Read the topic from the group's last position, or from its beginning."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # add your authentication here and to the registry
        "group.id": "example-job-complete",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy, the client first requests associations, which many registries and proxies reject
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
