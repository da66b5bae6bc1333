"""librdkafka's embedded broker in a process of its own, so that its work is not taken for the function's.

Run as a program it prints its address and ends with its standard input.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from benchmarks.programs import run_program
from benchmarks.worker import TOPIC


@contextmanager
def run_broker() -> Iterator[str]:
    """The address of a broker that has the topic, for as long as the context lasts."""
    with run_program("broker") as program:
        yield program.read()


def main() -> None:
    """Is the broker."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(TOPIC, timeout=10).brokers.values()  # makes the topic, as no function does
    print(f"{broker.host}:{broker.port}", flush=True)  # noqa: T201  # for who started it
    sys.stdin.read()


if __name__ == "__main__":
    main()
