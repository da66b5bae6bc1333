"""librdkafka's embedded broker in a process of its own, so that its work is not taken for the function's.

Run as a program it prints its address and ends with its standard input.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from tests.benchmarks.programs import run_program


@contextmanager
def run_broker() -> Iterator[str]:
    """The address of a broker that has any topic that is asked for, for as long as the context lasts."""
    with run_program("broker") as program:
        yield program.read()


def main() -> None:
    """Is the broker."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    print(f"{broker.host}:{broker.port}", flush=True)  # noqa: T201  # for who started it
    sys.stdin.read()


if __name__ == "__main__":
    main()
