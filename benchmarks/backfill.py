"""Measure the CPU and the memory of the backfill's worker for each item, compared with the live pipeline.

As a program, it announces a number of items, and prints two memory samples as JSON: after a number of warm-up items and
at the end. Both numbers are arguments.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple, override

from benchmarks.contenders.backfill import KEY_NAMES, LastCheckpoint, make_worker, read_items
from benchmarks.growth import Sample, take_sample
from benchmarks.programs import make_command, redirect_output, run_to_end
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import make_settings, run_worker
from feature_events.deadline import Deadline
from feature_events.records.change import Item
from feature_events.tables.table import Page, Tables

FEATURES = 20
PAGE_ITEMS = 1_000
ROUNDS = 15
SCANNED = 1_000_000

_WAYS = ("parse", "ours", "backfill", "backfill_reading")
_TEN_HOURS = 36_000.0
_ENTITY = "user-"


class BackfillCost(NamedTuple):
    """Microseconds of CPU for one item, the minimum of all rounds."""

    parse_us: float
    """Parsing the stream event."""
    live_us: float
    """The live pipeline, without parsing."""
    worker_us: float
    """The worker, without reading the items."""
    reading_us: float
    """The worker, including boto3's parsing of DynamoDB's responses."""


class BackfillGrowth(NamedTuple):
    """Memory of a worker after a tenth of its items and at the end."""

    items: int
    resident_before_mib: float
    resident_after_mib: float
    blocks_before: int
    blocks_after: int


class Backfill(NamedTuple):
    """The measurements of the worker."""

    cost: BackfillCost
    growth: BackfillGrowth


def measure_backfill(brokers: str, progress: Callable[[str], None]) -> Backfill:
    """Measure the CPU for each item, and the memory growth over a million items."""
    cost = _measure_cost(brokers, progress)
    progress(f"memory over {SCANNED:,} items")
    return Backfill(cost, _measure_growth(brokers))


def _measure_cost(brokers: str, progress: Callable[[str], None]) -> BackfillCost:
    """Measure the live pipeline and the worker with the same items, in turns."""
    taken: defaultdict[str, list[float]] = defaultdict(list)
    with ExitStack() as resources:
        workers = {way: resources.enter_context(run_worker(way, make_settings(brokers))) for way in _WAYS}
        for turn in range(ROUNDS):
            progress(f"CPU of an item, round {turn + 1} of {ROUNDS}")
            for way, worker in workers.items():
                measured = worker.measure(FEATURES, PAGE_ITEMS, 1)
                taken[way].append(measured.cpu / measured.records * 1e6)
    return BackfillCost(*(min(taken[way]) for way in _WAYS))


def _measure_growth(brokers: str) -> BackfillGrowth:
    """Run this module as a program."""
    output = run_to_end(make_command("backfill", str(SCANNED), str(SCANNED // 10)), make_settings(brokers))
    before, after = (Sample(*each) for each in json.loads(output.text))
    return BackfillGrowth(SCANNED, before.resident_kib / 1024, after.resident_kib / 1024, before.blocks, after.blocks)


class SyntheticTable(Tables):
    """A table that generates its items when they are read, each with a different entity.

    Args:
        items: the number of items.
        warm: the number of warm-up items, after which the memory is sampled.

    """

    def __init__(self, items: int, warm: int) -> None:
        self._items = items
        self._warm = warm
        self._forms = read_items(make_stream_event(FEATURES, PAGE_ITEMS))
        self.samples: list[Sample] = []

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        start = _to_number(after) + 1 if after else 0
        if start >= self._warm and not self.samples:
            self.samples.append(take_sample())
        end = min(start + limit, self._items)
        items = [self._make(number) for number in range(start, end)]
        last = {name: items[-1][name] for name in KEY_NAMES}
        return Page(items, last if end < self._items else None)

    @override
    def get_items(self, table: str, keys: Sequence[Item]) -> Sequence[Item]:
        return [self._make(_to_number(key)) for key in keys]

    def _make(self, number: int) -> Item:
        return {**self._forms[number % len(self._forms)], "bright_uid": {"S": f"{_ENTITY}{number:08}"}}


def _to_number(key: Item) -> int:
    return int(key["bright_uid"]["S"].removeprefix(_ENTITY))


def main() -> None:
    """Announce the items, and print the samples."""
    items, warm = (int(argument) for argument in sys.argv[1:])
    table, checkpoint = SyntheticTable(items, warm), LastCheckpoint()
    with redirect_output() as output:
        is_complete = make_worker(table, checkpoint).work(0, Deadline(_TEN_HOURS), Deadline(_TEN_HOURS))
        if not is_complete or checkpoint.last.delivered != items:
            raise RuntimeError(f"some items were not announced: {checkpoint.last}")
        output.write(json.dumps([*table.samples, take_sample()]))


if __name__ == "__main__":
    main()
