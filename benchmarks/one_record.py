"""Measure a batch of one record, compared with producing and flushing the same message, the lower limit of any handler.

The program uses the function's settings. Its argument is the number of measurements. It prints the times as JSON.
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
from benchmarks.programs import make_command, run_to_end, silence
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import TOPIC, make_settings
from local.demo.comparison import find_percentile
from tests.support.topics import read_topic

FEATURES = 20
TIMES = 1_000
_WARM = 100


class OneRecord(NamedTuple):
    """The milliseconds of an invocation with one record, and of its message alone."""

    handler_p50_ms: float
    handler_p99_ms: float
    bare_p50_ms: float
    bare_p99_ms: float


def measure_one_record(brokers: str) -> OneRecord:
    """Run this module as a program."""
    output = run_to_end(make_command("one_record", str(TIMES)), make_settings(brokers))
    return OneRecord(*json.loads(output.text))


def _time_ms(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def _measure(times: int) -> OneRecord:
    function: Any = importlib.import_module("feature_events.handler")
    event = make_stream_event(FEATURES, 1).parse()
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
    """Measure the times, and print them."""
    with silence():
        measured = _measure(int(sys.argv[1]))
    print(json.dumps(measured))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
