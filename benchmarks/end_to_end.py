"""Measure the whole pipeline on real servers: Kafka, a registry, and the deployed function with a table's stream.

Throughput is measured with the handler alone and a real broker. Latency is measured with the deployed function, from
the write until its event is read. Most of the latency is the polling interval of the local AWS.
"""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.stream_events import NAMES
from benchmarks.worker import make_settings, run_worker
from local.application.deployment import build, set_up
from local.application.feature_tables import USERS
from local.demo.comparison import find_percentile
from local.demo.events import EventReader, ReceivedEvent
from local.demo.feature_writes import make_item
from local.servers.stack import Stack
from local.servers.topic import TOPIC, create_topic

FEATURES = 20
RECORDS = 1_000
BATCHES = 100
WRITES = 200
_BETWEEN_WRITES = 0.05
_WAIT = 60.0


class EndToEnd(NamedTuple):
    """The results on real servers. Throughput is that of one process with one batch at a time."""

    records_per_second: float
    records_per_cpu_second: float
    batch_ms: float
    cpu_ms: float
    """The CPU of a batch of `RECORDS` records."""
    writes: int
    p50_ms: float
    p99_ms: float
    first_ms: float
    """The latency of the first write, with the cold start."""


def measure_end_to_end(progress: Callable[[str], None]) -> EndToEnd:
    """Start the servers, deploy the application, and measure latency and throughput."""
    progress("starting real servers")
    with Stack(None, None, [build]) as stack:
        deployed = set_up(stack)
        progress(f"{WRITES} writes to {deployed.function} on real servers")
        first, *waits = _write_and_read(stack)
        progress(f"{BATCHES} batches of {RECORDS} on real servers")
        topic = "throughput"
        create_topic(stack.kafka, topic)
        settings = make_settings(stack.kafka) | {"TOPIC_NAME": topic}
        with run_worker("ours", settings) as worker:
            worker.measure(FEATURES, RECORDS, 5)
            measured = worker.measure(FEATURES, RECORDS, BATCHES)
    return EndToEnd(
        records_per_second=RECORDS / measured.wall,
        records_per_cpu_second=RECORDS / measured.cpu,
        batch_ms=measured.wall * 1e3,
        cpu_ms=measured.cpu * 1e3,
        writes=len(waits) + 1,
        p50_ms=find_percentile(waits, 50),
        p99_ms=find_percentile(waits, 99),
        first_ms=first,
    )


def _write_and_read(stack: Stack) -> list[float]:
    """Return the milliseconds from each write until its event is read, in order of arrival."""
    sent: dict[str, float] = {}
    ready = threading.Event()

    def write() -> None:
        table = stack.clients.tables.Table(USERS)
        for number in range(WRITES):
            entity = f"u-{number}"
            metadata = {"created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z"}
            item = make_item(USERS, entity, "spending", {"data": dict.fromkeys(NAMES[:FEATURES], 1), "meta": metadata})
            sent[entity] = time.time()
            table.put_item(Item=item)
            if number == 0:
                ready.wait(_WAIT)  # the cold start must delay only one event
            time.sleep(_BETWEEN_WRITES)

    waits: list[float] = []
    with EventReader(stack, TOPIC) as reader:
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        end = time.monotonic() + _WAIT
        while len(waits) < WRITES:
            event = reader.poll(0.5)
            if isinstance(event, ReceivedEvent):
                waits.append((event.read_at - sent.pop(event.entity_id)) * 1e3)
                ready.set()
            if time.monotonic() > end:
                raise RuntimeError(f"only {len(waits)} of {WRITES} events arrived within {_WAIT:.0f} s")
        writer.join()
    return waits
