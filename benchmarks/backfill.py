"""Measures the backfill's worker: what an item costs, beside the live pipeline, and whether it keeps any of them.

What a large table costs rests on both. It is a program too: how many items to announce, and after how many of them it
is warm. Then it prints what memory it has at both times as JSON.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple, override

from benchmarks.contenders.backfill import KEY_NAMES, LastCheckpoint, make_worker, to_items
from benchmarks.growth import Sample, take_sample
from benchmarks.programs import run_to_end, take_output, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.worker import run_worker, to_settings
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
    """Microseconds of CPU of one item, the least of all rounds."""

    parse_us: float
    """Parsing it in the event that the stream brings."""
    live_us: float
    """The live pipeline, without that."""
    worker_us: float
    """The worker, where its items are read already."""
    reading_us: float
    """The worker, with boto3 making the items of DynamoDB's answers."""


class BackfillGrowth(NamedTuple):
    """Memory of a worker after a tenth of its items and after the last."""

    items: int
    resident_before_mib: float
    resident_after_mib: float
    blocks_before: int
    blocks_after: int


class Backfill(NamedTuple):
    """What was measured of the worker."""

    cost: BackfillCost
    growth: BackfillGrowth


def measure_backfill(brokers: str, progress: Callable[[str], None]) -> Backfill:
    """What an item costs, and what a million of them leave behind."""
    cost = _measure_cost(brokers, progress)
    progress(f"memory over {SCANNED:,} items")
    return Backfill(cost, _measure_growth(brokers))


def _measure_cost(brokers: str, progress: Callable[[str], None]) -> BackfillCost:
    """The live pipeline and the worker on the same items, in turns."""
    taken: defaultdict[str, list[float]] = defaultdict(list)
    with ExitStack() as resources:
        workers = {way: resources.enter_context(run_worker(way, to_settings(brokers))) for way in _WAYS}
        for turn in range(ROUNDS):
            progress(f"CPU of an item, round {turn + 1} of {ROUNDS}")
            for way, worker in workers.items():
                measured = worker.measure(FEATURES, PAGE_ITEMS, 1)
                taken[way].append(measured.cpu / measured.records * 1e6)
    return BackfillCost(*(min(taken[way]) for way in _WAYS))


def _measure_growth(brokers: str) -> BackfillGrowth:
    """Runs this module as a program."""
    output = run_to_end(to_command("backfill", str(SCANNED), str(SCANNED // 10)), to_settings(brokers))
    before, after = (Sample(*each) for each in json.loads(output.text))
    return BackfillGrowth(SCANNED, before.resident_kib / 1024, after.resident_kib / 1024, before.blocks, after.blocks)


class SyntheticTable(Tables):
    """A table that makes its items when they are read, each of another entity.

    Args:
        items: how many it has.
        warm: before which of them a sample of the memory is taken.

    """

    def __init__(self, items: int, warm: int) -> None:
        self._items = items
        self._warm = warm
        self._forms = to_items(to_stream_event(FEATURES, PAGE_ITEMS))
        self.samples: list[Sample] = []

    @override
    def scan(self, table: str, segment: int, segments: int, after: Item | None, limit: int) -> Page:
        start = _to_number(after) + 1 if after else 0
        if start == self._warm:
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
    """Announces, and prints."""
    items, warm = (int(argument) for argument in sys.argv[1:])
    table, checkpoint = SyntheticTable(items, warm), LastCheckpoint()
    with take_output() as output:
        is_complete = make_worker(table, checkpoint).work(0, Deadline(_TEN_HOURS), Deadline(_TEN_HOURS))
        if not is_complete or checkpoint.last.delivered != items:
            raise RuntimeError(f"not every item was announced: {checkpoint.last}")
        output.write(json.dumps([*table.samples, take_sample()]))


if __name__ == "__main__":
    main()
