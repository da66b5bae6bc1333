"""Three real brokers are killed and restarted under load, then all stopped; the topic must be complete."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient

from feature_events.deadline import Deadline
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from feature_events.outcome import BatchResponse
from feature_events.pipeline import Pipeline
from local.servers.kafka import Kafka
from local.servers.topic import Received, create_topic, find_leaders
from tests.simulation.scale import report, scaled
from tests.support.doubles import FakeClock, FakeDeadLetters
from tests.support.lanes import Lane
from tests.support.mapping import EventSourceMapping, MappingSettings, Outcome
from tests.support.on_failure import MemoryStore
from tests.support.pipelines import to_pipeline
from tests.support.records import FIRST_NUMBER, to_item, to_record
from tests.support.topics import read_topic

CHANGES = scaled(12_000, 200_000)
ENTITIES = scaled(500, 5_000)
PER_SECOND = scaled(2_500, 4_000)
PARTITIONS = 6
LANES = 4
DELIVERY_SECONDS = 4.0
OUTAGE_SECONDS = 6.0
"""The duration of the outage of all brokers, longer than an invocation waits."""
BETWEEN_KILLS = 2.0
BACKOFF_SECONDS = 0.2
SHARD = "shard-1"
KEEP = {"log.retention.ms": "-1"}
"""Unlimited retention: the messages' timestamps are older than a broker's default retention time."""
ITEM = to_item()


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    """Run three brokers; an acknowledged message is on at least two."""
    with Kafka(tmp_path, brokers=3, settings=KEEP) as kafka:
        yield kafka


class Load:
    """A writer and a mapping with one function instance per lane, each in its own thread."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.letters = FakeDeadLetters()
        self.mapping = EventSourceMapping(self._invoke, _SETTINGS, FakeClock(), MemoryStore())
        self.mapping.add_shard(SHARD)
        self.written = threading.Event()
        self.half_written = threading.Event()
        self.failures = 0
        self.stall = 0.0
        self._outage = threading.Event()
        self._latest = time.monotonic()
        self._lock = threading.Lock()
        self._instance = threading.local()
        self._bootstrap, self._topic = bootstrap, topic

    def threads(self) -> list[threading.Thread]:
        """Return the threads of the writer and of the lanes."""
        lanes = [threading.Thread(target=self._drive, args=(lane,)) for lane in self.mapping.lanes(SHARD)]
        return [threading.Thread(target=self._write), *lanes]

    def resume_in_outage(self) -> None:
        """Write the second half; all brokers are stopped now."""
        with self._lock:
            self._latest = time.monotonic()
        self._outage.set()

    def _write(self) -> None:
        begun = time.monotonic()
        for number in range(CHANGES):
            record = to_record(number, entity=f"user-{number * 7919 % ENTITIES}", item=ITEM)
            self.mapping.put(SHARD, record)
            if number == CHANGES // 2:
                self.half_written.set()
                self._outage.wait()  # so that the outage hits the second half on slow machines too
                begun = time.monotonic() - number / PER_SECOND
            if number % 100 == 0:
                time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
        self.written.set()

    def _drive(self, lane: Lane) -> None:
        while not self.written.is_set() or not lane.idle:
            done = self.mapping.step(lane)
            if done is None:
                time.sleep(0.01)
                continue
            with self._lock:
                now = time.monotonic()
                if done.outcome is Outcome.DONE:
                    self.stall, self._latest = max(self.stall, now - self._latest), now
                else:
                    self.failures += 1
            if done.outcome is not Outcome.DONE:
                time.sleep(BACKOFF_SECONDS)

    def _invoke(self, event: dict[str, list[dict[str, object]]]) -> BatchResponse:
        if not hasattr(self._instance, "pipeline"):
            self._instance.pipeline = self._to_pipeline()
        pipeline: Pipeline = self._instance.pipeline
        return pipeline.run(event["Records"], Deadline(DELIVERY_SECONDS)).response()

    def _to_pipeline(self) -> Pipeline:
        return to_pipeline(Publisher(self._topic, {**DEFAULTS, "bootstrap.servers": self._bootstrap}), self.letters)


_SETTINGS = MappingSettings(
    batch_size=250,
    bisect_batch_on_function_error=True,
    report_batch_item_failures=True,
    parallelization_factor=LANES,
)


class Contents(NamedTuple):
    """The number of distinct messages in the topic, and of each kind of deviation."""

    distinct: int
    duplicates: int
    out_of_order: int
    garbled: int


def summarize(messages: list[Received]) -> Contents:
    """Count messages; out of order are first appearances after a later change of their entity."""
    firsts: dict[int, Received] = {}
    latest: dict[bytes, int] = {}
    duplicates = out_of_order = garbled = 0
    for message in messages:
        number = int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER
        if number in firsts:
            duplicates += 1
            garbled += firsts[number].value != message.value
            continue
        firsts[number] = message
        out_of_order += latest.get(message.key, -1) > number
        latest[message.key] = number
    return Contents(len(firsts), duplicates, out_of_order, garbled)


def kill_leaders(kafka: Kafka, topic: str, until: threading.Event) -> int:
    """Kill and restart the leader of one partition after another; return the number of kills."""
    kills = 0
    while True:
        leaders = find_leaders(AdminClient({"bootstrap.servers": kafka.bootstrap}), topic, PARTITIONS)
        broker = next(broker for broker in kafka.brokers if broker.node.id == leaders[kills % PARTITIONS])
        broker.kill()
        time.sleep(1)
        broker.restart()
        kills += 1
        if until.wait(BETWEEN_KILLS):
            return kills


@pytest.mark.parametrize("run", range(scaled(1, 3)))
def test_pipeline__loses_and_reorders_nothing_when_brokers_are_killed(kafka: Kafka, run: int) -> None:
    """After the restart every change is in the topic, and each entity's first appearances are in stream order."""
    topic = f"kill-test-{run}"
    create_topic(kafka.bootstrap, topic, PARTITIONS)
    load = Load(kafka.bootstrap, topic)
    threads = load.threads()
    for thread in threads:
        thread.start()
    kills = kill_leaders(kafka, topic, load.half_written)
    kafka.kill()
    load.resume_in_outage()
    time.sleep(OUTAGE_SECONDS)
    kafka.restart()
    kills += kill_leaders(kafka, topic, load.written)
    for thread in threads:
        thread.join()
    found = summarize(read_topic(kafka.bootstrap, topic))
    figures = (
        f"{CHANGES:,} changes of {ENTITIES:,} entities, {kills} kills: {CHANGES - found.distinct} lost, "
        f"{found.out_of_order} out of order, {found.duplicates:,} duplicates, longest stall {load.stall:.1f} s"
    )
    print(figures)  # noqa: T201  # shown with -s
    assert load.mapping.pending() == []
    assert load.letters.letters == []
    assert (found.distinct, found.out_of_order, found.garbled) == (CHANGES, 0, 0)
    assert load.stall > DELIVERY_SECONDS  # the outage did stop the delivery
    report("brokers", figures)
