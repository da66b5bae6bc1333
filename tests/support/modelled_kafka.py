"""A model of librdkafka's producer and its brokers, in memory and with a fake clock.

The real publisher runs on the model, so that thousands of runs per minute cover every fate of a record batch. The model
behaves like the real client (tests/integration):

- A flush sends the queued messages of each partition as record batches.
- A batch is written completely or not at all.
- A rejected batch does not stop the batches after it.
- Unacknowledged messages are sent later, unless they are purged.
"""

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple
from zlib import crc32

from confluent_kafka import KafkaError, KafkaException

from feature_events.events.message import Headers
from tests.support.doubles import FakeClock

type OnDelivery = Callable[[KafkaError | None, Any], None]

_OVERHEAD = 61  # bytes of a record in a batch, without key, value and headers


class Fate(Enum):
    """The fate of a record batch."""

    WRITTEN = "written and acknowledged"
    SLOW = "acknowledged just before the deadline"
    AWAY = "no broker reached before the deadline"
    LOST = "written, but the acknowledgement is lost"
    LATE = "in flight at the deadline, and written later"
    FATAL = "the idempotent producer fails"
    DENIED = "the function has no permission to write"
    KILLED = "written, and then the process is killed"


class Killed(Exception):
    """The process was killed at this point."""


class Written(NamedTuple):
    """One message in a partition's log."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


class _Queued(NamedTuple):
    """A queued message and its callback."""

    message: Written
    on_delivery: OnDelivery

    @property
    def size(self) -> int:
        headers = sum(len(name) + len(value) for name, value in self.message.headers)
        return len(self.message.key) + len(self.message.value) + headers + _OVERHEAD


class ModelledKafka:
    """A cluster with one topic, and its producers."""

    def __init__(self, clock: FakeClock, *, partitions: int = 2, topic_max_bytes: int = 1_000_000) -> None:
        self.clock = clock
        self.logs: list[list[Written]] = [[] for _ in range(partitions)]
        self.topic_max_bytes = topic_max_bytes
        self.reachable = True
        self.topic_exists = True
        self.rejects: Callable[[Written], bool] = lambda _: False
        """Returns True for records that fail the broker's validation, before any fate (KIP-467)."""
        self.fates: deque[Fate] = deque()
        """The fates of the next batches. Later batches are written."""
        self.acknowledged: list[Written] = []
        """The messages reported as delivered, in the order of the reports."""
        self.produced: list[Written] = []
        """The messages accepted by `produce`, with repetitions."""
        self._wire: list[tuple[int, Sequence[Written]]] = []
        self._producers: weakref.WeakSet[ModelledProducer] = weakref.WeakSet()

    def to_producer(self, properties: Mapping[str, Any]) -> "ModelledProducer":
        """Create a producer, in place of `confluent_kafka.Producer`."""
        producer = ModelledProducer(self, properties)
        self._producers.add(producer)
        return producer

    @property
    def pending(self) -> list[Written]:
        """The messages that existing producers would still send."""
        return [each.message for producer in self._producers for each in producer.pending()]

    def catch_up(self) -> None:
        """Write the batches that are in flight."""
        for partition, messages in self._wire:
            self.logs[partition] += messages
        self._wire.clear()

    def thaw(self) -> None:
        """Send the pending messages, as when a frozen environment resumes."""
        for producer in list(self._producers):
            producer.flush_in_background()

    def kill(self, producers: Sequence["ModelledProducer"]) -> None:
        """Kill processes. Their queued messages are gone, but batches in flight are not."""
        for producer in producers:
            producer.killed = True

    def put_on_wire(self, partition: int, messages: Sequence[Written]) -> None:
        """Keep a batch in flight."""
        self._wire.append((partition, messages))


class ModelledProducer:
    """The part of `confluent_kafka.Producer` that the publisher uses."""

    def __init__(self, kafka: ModelledKafka, properties: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._properties = properties
        self._queues: list[list[_Queued]] = [[] for _ in kafka.logs]
        self._in_flight: list[_Queued] = []
        self._reports: list[tuple[_Queued, KafkaError | None]] = []
        self._lost = False
        self.killed = False

    def pending(self) -> Iterator[_Queued]:
        """Yield the messages that the producer would still send."""
        if not self.killed and not self._lost:
            for queue in self._queues:
                yield from queue
            yield from self._in_flight

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        """Return the topic's metadata."""
        if not self._kafka.reachable:
            self._kafka.clock.seconds += timeout
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001
        error = None if self._kafka.topic_exists else KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error)})

    def produce(  # noqa: PLR0913, PLR0917  # as the client has it
        self,
        topic: str,
        value: bytes,
        key: bytes,
        partition: int,
        callback: OnDelivery,
        on_delivery: None,
        timestamp: int,
        headers: Headers,
    ) -> None:
        """Queue a message."""
        del topic, partition, on_delivery
        if self._lost:
            raise KafkaException(KafkaError(KafkaError._FATAL))  # noqa: SLF001
        queued = _Queued(Written(key, value, tuple(headers), timestamp), callback)
        if queued.size > int(self._properties["message.max.bytes"]):
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if sum(map(len, self._queues)) >= int(self._properties.get("queue.buffering.max.messages", 100_000)):
            raise BufferError
        self._queues[crc32(key) % len(self._queues)].append(queued)
        self._kafka.produced.append(queued.message)

    def poll(self, seconds: float) -> None:
        """Call the callbacks."""
        del seconds
        self._serve()

    def flush(self, seconds: float) -> int:
        """Send the queued messages, and wait for their reports."""
        self._serve()
        if self.killed:
            return 0
        if not any(self.pending()):
            return 0
        begun = self._kafka.clock()
        for partition, queue in enumerate(self._queues):
            self._queues[partition] = []
            batches = list(self._to_batches(queue))
            while batches:
                batch = batches.pop(0)
                fate = self._kafka.fates.popleft() if self._kafka.fates else Fate.WRITTEN
                if not self._meet(partition, batch, fate if self._kafka.reachable else Fate.AWAY, seconds):
                    self._queues[partition] += [each for later in batches for each in later]
                    break
            if self._lost:
                self._serve()
                raise KafkaException(KafkaError(KafkaError._FATAL))  # noqa: SLF001
        self._serve()
        left = len(list(self.pending()))
        if left:
            self._kafka.clock.seconds = max(self._kafka.clock.seconds, begun + seconds)
        return left

    def purge(self, *, in_flight: bool = True) -> None:
        """Drop the queued messages. Batches in flight may still arrive."""
        for queue in self._queues:
            self._reports += [(each, KafkaError(KafkaError._PURGE_QUEUE)) for each in queue]  # noqa: SLF001
            queue.clear()
        if in_flight:
            self._reports += [(each, KafkaError(KafkaError._PURGE_INFLIGHT)) for each in self._in_flight]  # noqa: SLF001
            self._in_flight.clear()
        if not self.killed:
            self._kafka.clock.seconds += 1  # the publisher's limit for the reports

    def flush_in_background(self) -> None:
        """Send the queued messages, like the client's threads between invocations."""
        if self.killed or self._lost or not self._kafka.reachable:
            return
        self._reports += [(each, None) for each in self._in_flight]
        self._in_flight.clear()
        for partition, queue in enumerate(self._queues):
            self._kafka.logs[partition] += [each.message for each in queue]
            self._reports += [(each, None) for each in queue]
            queue.clear()

    def _meet(self, partition: int, batch: Sequence[_Queued], fate: Fate, seconds: float) -> bool:
        """Apply the fate to a batch. Return True if later batches of its partition can be sent."""
        messages = [each.message for each in batch]
        if fate is Fate.DENIED:
            return self._answer(batch, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
        if fate is not Fate.AWAY and self._is_refused(batch):
            return True
        match fate:
            case Fate.AWAY:
                if int(self._properties["message.timeout.ms"]):
                    return self._answer(batch, KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001
                self._queues[partition] += batch
            case Fate.LATE:
                self._kafka.put_on_wire(partition, messages)
                self._in_flight += batch
            case Fate.FATAL:
                self._lost = True
            case _:
                self._kafka.logs[partition] += messages
                if fate is Fate.KILLED:
                    self.killed = True
                    raise Killed
                if fate is Fate.SLOW:
                    self._kafka.clock.seconds += seconds * 0.999
                if fate is not Fate.LOST:
                    return self._answer(batch, None)
                self._in_flight += batch
        # An idempotent producer sends no batch after one that it may retry
        return str(self._properties["enable.idempotence"]) != "true"

    def _is_refused(self, batch: Sequence[_Queued]) -> bool:
        """Report a batch that the broker rejects. One rejected record fails the whole batch; several are all named."""
        rejected = [self._kafka.rejects(each.message) for each in batch]
        if sum(each.size for each in batch) > self._kafka.topic_max_bytes:
            return self._answer(batch, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        other = KafkaError._INVALID_DIFFERENT_RECORD if sum(rejected) > 1 else KafkaError.INVALID_TIMESTAMP  # noqa: SLF001
        for each, is_rejected in zip(batch, rejected if any(rejected) else (), strict=False):
            self._answer([each], KafkaError(KafkaError.INVALID_TIMESTAMP if is_rejected else other))
        return any(rejected)

    def _answer(self, batch: Sequence[_Queued], error: KafkaError | None) -> bool:
        self._reports += [(each, error) for each in batch]
        return True

    def _serve(self) -> None:
        reports, self._reports = self._reports, []
        for queued, error in reports:
            if self.killed:
                return
            if error is None:
                self._kafka.acknowledged.append(queued.message)
            queued.on_delivery(error, SimpleNamespace(topic=str, partition=int, offset=int))

    def _to_batches(self, queue: Sequence[_Queued]) -> Iterator[list[_Queued]]:
        """Yield the record batches that librdkafka would form with these properties."""
        most = int(self._properties["batch.num.messages"]) if int(self._properties["linger.ms"]) > 1000 else 1
        limit = min(int(self._properties["batch.size"]), int(self._properties["message.max.bytes"]))
        batch: list[_Queued] = []
        for each in queue:
            if batch and (len(batch) >= most or sum(one.size for one in batch) + each.size > limit):
                yield batch
                batch = []
            batch.append(each)
        if batch:
            yield batch
