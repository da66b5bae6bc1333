"""Measure the CPU of one record for all contenders in turns.

Times on a shared machine vary. The minimum of many rounds in turns is comparable between contenders.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.broker import run_broker
from benchmarks.worker import Worker, make_settings, run_worker

FEATURES = (3, 20, 100)
RECORDS = (1, 100, 1_000, None)
"""The numbers of records in a batch. None fills an event."""
ROUNDS = 15

_TIMES = {1: 50, 100: 5}


CONTENDERS = ("parse", "ours", "usual", "former", "prebuilt")


class Cost(NamedTuple):
    """The cost of one record for a contender, in a batch of this size."""

    way: str
    features: int
    records: int
    is_full: bool
    """Whether the batch fills an event."""
    cpu_us: float
    wall_us: float


def measure_throughput(progress: Callable[[str], None], rounds: int = ROUNDS) -> list[Cost]:
    """Measure every contender with every size."""
    sizes = [(features, records) for features in FEATURES for records in RECORDS]
    with ExitStack() as resources:
        brokers = resources.enter_context(run_broker())
        workers = {name: resources.enter_context(run_worker(name, make_settings(brokers))) for name in CONTENDERS}
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
    """Start each round with another contender, so that none always follows the same one."""
    start = turn % len(workers)
    return [*workers[start:], *workers[:start]]
