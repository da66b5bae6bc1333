"""Measures a batch of one record against producing and flushing the same message, which no handler can undercut.

A program, under the function's settings: how many of each, taken in turns. It prints the times as JSON.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import Producer

from benchmarks.contenders import Context
from benchmarks.programs import run_to_end, silence, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.worker import TOPIC, to_settings
from local.demo.comparison import find_percentile
from tests.support.topics import read_topic

FEATURES = 20
TIMES = 1_000
_WARM = 100


class OneRecord(NamedTuple):
    """Milliseconds of one record's invocation, and of its message alone."""

    handler_p50_ms: float
    handler_p99_ms: float
    bare_p50_ms: float
    bare_p99_ms: float


def measure_one_record(brokers: str) -> OneRecord:
    """Runs this module as a program."""
    output = run_to_end(to_command("one_record", str(TIMES)), to_settings(brokers))
    return OneRecord(*json.loads(output.text))


def _time_ms(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def _measure(times: int) -> OneRecord:
    function: Any = importlib.import_module("feature_events.handler")
    event = to_stream_event(FEATURES, 1).parse()
    context = Context()
    function.handler(event, context)
    brokers = os.environ["KAFKA_BROKER_URL"]
    message = read_topic(brokers, TOPIC)[-1]
    producer = Producer(
        {"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True, "compression.type": "zstd"}
    )

    def invoke() -> None:
        function.handler(event, context)

    def produce() -> None:
        producer.produce(
            TOPIC,
            message.value,
            message.key,
            headers=list(message.headers),
            timestamp=message.timestamp_ms,
        )
        producer.flush(20)

    taken = [(_time_ms(invoke), _time_ms(produce)) for _ in range(_WARM + times)][_WARM:]
    handler, bare = zip(*taken, strict=True)
    return OneRecord(*(find_percentile(each, percent) for each in (handler, bare) for percent in (50, 99)))


def main() -> None:
    """Measures, and prints."""
    with silence():
        measured = _measure(int(sys.argv[1]))
    print(json.dumps(measured))  # noqa: T201  # it is what the program is for


if __name__ == "__main__":
    main()
