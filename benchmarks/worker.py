"""A process that runs one contender and measures what it is told to; it has an interpreter and a heap to itself.

It is a program: the contender's name as argument, one request as a line of JSON in, one answer as a line out. Whatever
the contender prints goes to nowhere, as fast as Lambda takes a log line.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple, Protocol, TextIO

from benchmarks.contenders import Run
from benchmarks.programs import Program, run_program, take_output
from benchmarks.stream_events import StreamEvent, to_stream_event

TOPIC = "feature-events"
SCHEMA_ID = 1


class Contender(Protocol):
    """A module of `contenders`."""

    def prepare(self, event: StreamEvent) -> Run:
        """See `contenders`."""
        ...


class Measured(NamedTuple):
    """What one round took."""

    records: int
    cpu: float
    """CPU seconds of the process, its threads included, for each run of the batch."""
    wall: float
    """Seconds, the median of the runs."""


class Worker:
    """The other end: a contender in a process."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def measure(self, features: int, records: int | None, times: int) -> Measured:
        """Runs a batch so many times; without a number of records it is as large as an event can be."""
        return Measured(*json.loads(self._program.ask(json.dumps([features, records, times]))))


@contextmanager
def run_worker(contender: str, settings: Mapping[str, str]) -> Iterator[Worker]:
    """A contender under these settings, for as long as the context lasts."""
    with run_program("worker", contender, settings=settings) as program:
        yield Worker(program)


def to_settings(brokers: str) -> dict[str, str]:
    """The function's environment, everything by default but where it has to be told."""
    return {
        "KAFKA_BROKER_URL": brokers,
        "TOPIC_NAME": TOPIC,
        "SCHEMA_ID": str(SCHEMA_ID),
    }


def _measure(contender: Contender, features: int, records: int | None, times: int) -> Measured:
    event = to_stream_event(features, records)
    run = contender.prepare(event)
    walls = []
    gc.collect()
    cpu = time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    return Measured(event.records, (time.process_time() - cpu) / times, median(walls))


def _serve(contender: str, requests: TextIO, answers: TextIO) -> None:
    module: Any = importlib.import_module(f"benchmarks.contenders.{contender}")
    for line in requests:
        answers.write(json.dumps(_measure(module, *json.loads(line))) + "\n")
        answers.flush()


def main() -> None:
    """Serves until the requests end."""
    with take_output() as answers:
        _serve(sys.argv[1], sys.stdin, answers)


if __name__ == "__main__":
    main()
