"""Measures the CPU of one record, contender against contender, in one interleaved run.

Time on a shared machine says little; the least of many rounds, taken in turns, says how the contenders compare.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.broker import run_broker
from benchmarks.worker import Worker, run_worker, to_settings

FEATURES = (3, 20, 100)
RECORDS = (1, 100, 1_000, None)
"""Records of a batch; None is as many as an event can hold."""
ROUNDS = 15

_TIMES = {1: 50, 100: 5}


class Way(NamedTuple):
    """A contender, and what it is called in the results."""

    name: str
    contender: str
    title: str


WAYS = (
    Way("parse", "parse", title="json.loads of the event"),
    Way("ours", "ours", title="this handler"),
    Way("usual", "usual", title="BatchProcessor + AvroSerializer"),
    Way("former", "former", title="the former publisher"),
    Way("prebuilt", "prebuilt", title="librdkafka, messages prebuilt"),
)


class Cost(NamedTuple):
    """What one record costs one way, in a batch of this size."""

    way: str
    features: int
    records: int
    is_full: bool
    """Whether the batch is as large as an event can be."""
    cpu_us: float
    wall_us: float


def measure_throughput(progress: Callable[[str], None], rounds: int = ROUNDS) -> list[Cost]:
    """Every way at every size."""
    sizes = [(features, records) for features in FEATURES for records in RECORDS]
    with ExitStack() as resources:
        brokers = resources.enter_context(run_broker())
        workers = {way.name: resources.enter_context(run_worker(way.contender, to_settings(brokers))) for way in WAYS}
        costs: dict[tuple[str, int, int | None], Cost] = {}
        for turn in range(rounds):
            progress(f"round {turn + 1} of {rounds}")
            for features, records in sizes:
                for name, worker in _rotate(list(workers.items()), turn):
                    measured = worker.measure(features, records, _TIMES.get(records or 0, 1))
                    cpu_us = measured.cpu / measured.records * 1e6
                    wall_us = measured.wall / measured.records * 1e6
                    cost = Cost(name, features, measured.records, records is None, cpu_us, wall_us)
                    best = costs.setdefault((name, features, records), cost)
                    costs[name, features, records] = best._replace(
                        cpu_us=min(best.cpu_us, cpu_us), wall_us=min(best.wall_us, wall_us)
                    )
    return list(costs.values())


def _rotate(workers: Sequence[tuple[str, Worker]], turn: int) -> Sequence[tuple[str, Worker]]:
    """Another one first in each round, so that nobody always follows the same one."""
    start = turn % len(workers)
    return [*workers[start:], *workers[:start]]
