"""Measure one contender in a separate process, with its own interpreter and heap.

The program's argument is the contender's name. It reads requests as lines of JSON, and prints responses as lines of
JSON. The output of the contender is discarded, as fast as Lambda reads log lines.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple, TextIO

from benchmarks.contenders import Run
from benchmarks.programs import Program, redirect_output, run_program
from benchmarks.stream_events import StreamEvent, make_stream_event

TOPIC = "feature-events"
SCHEMA_ID = 1


class Measured(NamedTuple):
    """The measurements of one round."""

    records: int
    cpu: float
    """CPU seconds of the process including its threads, for each run of the batch."""
    wall: float
    """The median of the runs in seconds."""


class Worker:
    """A client for the program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def measure(self, features: int, records: int | None, times: int) -> Measured:
        """Run a batch several times, and measure it. Without a number of records, the batch fills an event."""
        return Measured(*json.loads(self._program.request(json.dumps([features, records, times]))))


@contextmanager
def run_worker(contender: str, settings: Mapping[str, str]) -> Iterator[Worker]:
    """Run a contender with these settings in a separate process."""
    with run_program("worker", contender, settings=settings) as program:
        yield Worker(program)


def make_settings(brokers: str) -> dict[str, str]:
    """Make the function's settings, with defaults where possible."""
    return {
        "KAFKA_BROKER_URL": brokers,
        "TOPIC_NAME": TOPIC,
        "SCHEMA_ID": str(SCHEMA_ID),
    }


def _measure(prepare: Callable[[StreamEvent], Run], features: int, records: int | None, times: int) -> Measured:
    event = make_stream_event(features, records)
    run = prepare(event)
    walls = []
    gc.collect()
    cpu = time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    return Measured(event.records, (time.process_time() - cpu) / times, median(walls))


def _serve(contender: str, requests: TextIO, responses: TextIO) -> None:
    module: Any = importlib.import_module(f"benchmarks.contenders.{contender}")
    for line in requests:
        responses.write(json.dumps(_measure(module.prepare, *json.loads(line))) + "\n")
        responses.flush()


def main() -> None:
    """Serve until the input closes."""
    with redirect_output() as output:
        _serve(sys.argv[1], sys.stdin, output)


if __name__ == "__main__":
    main()
