"""Run librdkafka's embedded broker in a separate process, so that its work is not measured as the function's.

The program prints its address, and ends when its standard input closes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from benchmarks.programs import run_program
from benchmarks.worker import TOPIC


@contextmanager
def run_broker() -> Iterator[str]:
    """Run a broker with the topic, and provide its address."""
    with run_program("broker") as program:
        yield program.read()


def main() -> None:
    """Run the broker."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(TOPIC, timeout=10).brokers.values()  # creates the topic
    print(f"{broker.host}:{broker.port}", flush=True)  # noqa: T201  # the output of the program
    sys.stdin.read()


if __name__ == "__main__":
    main()
