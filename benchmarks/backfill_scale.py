"""Model the duration, the requests and the dollars of a backfill from the measured cost of one item.

The model is simple arithmetic on a few assumptions, which docs/scale.md explains.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from benchmarks.backfill import PAGE_ITEMS
from benchmarks.pages import make_table, round_figure
from benchmarks.results import Results
from benchmarks.scale import DOLLARS_PER_GB_SECOND, DOLLARS_PER_REQUEST, MEMORY_OF_A_VCPU_MB
from feature_events.backfills.request import BackfillRequest
from feature_events.backfills.work import WORK_SECONDS

ITEMS = (1_000_000, 10_000_000, 100_000_000)
DEFAULT = BackfillRequest("table")
MEMORY_MB = 512
"""The function's memory in template.yaml."""
RATES = ((2_000, 10), (2_000, 5), (10_000, 25), (25_000, 60))
"""Rates in events per second, with the number of workers."""
PAUSE_HOURS = 23
"""How long the event source mapping can be paused without losing stream records."""

ITEM_KB = 1.0
READ_UNIT_KB = 4
DOLLARS_PER_READ_UNIT = 0.000_000_125
DOLLARS_PER_TRANSITION = 0.000_025
DOLLARS_PER_PUT = 0.000_005
PAGE_WAIT_MS = 250.0

# A run enters Plan, the Map and Report; a segment enters its child and Done; each Work is followed by a choice
_TRANSITIONS_OF_A_RUN, _TRANSITIONS_OF_A_SEGMENT, _TRANSITIONS_OF_A_WORK = 3, 2, 2
_HOUR = 3_600


class Bill(NamedTuple):
    """The dollars of a backfill."""

    reads: float
    function: float
    state_machine: float
    checkpoints: float


class Run(NamedTuple):
    """The resources of a backfill."""

    seconds: float
    read_units: float
    invocations: int
    transitions: int
    puts: int
    """The number of written objects: a checkpoint for each page, and the plan."""
    bill: Bill


def find_limit(item_us: float, memory_mb: int) -> float:
    """Return the maximum items per second of a worker, if an item needs these microseconds of a vCPU."""
    share = min(1.0, memory_mb / MEMORY_OF_A_VCPU_MB)
    return PAGE_ITEMS / (item_us * PAGE_ITEMS / 1e6 / share + PAGE_WAIT_MS / 1e3)


def model_run(items: int, request: BackfillRequest, limit: float) -> Run:
    """Model a backfill of this many items, whose workers keep to the request's rate and the limit."""
    of_a_worker = min(request.events_per_second / request.workers, limit)
    of_a_segment = items / request.segments
    segment_seconds = of_a_segment / of_a_worker
    works = request.segments * ceil(segment_seconds / WORK_SECONDS)
    invocations = works + 2
    transitions = _TRANSITIONS_OF_A_RUN + request.segments * _TRANSITIONS_OF_A_SEGMENT + works * _TRANSITIONS_OF_A_WORK
    puts = request.segments * ceil(of_a_segment / PAGE_ITEMS) + 1
    read_units = items * find_read_units()
    gb_seconds = request.segments * segment_seconds * MEMORY_MB / 1024
    return Run(
        seconds=segment_seconds * ceil(request.segments / request.workers),
        read_units=read_units,
        invocations=invocations,
        transitions=transitions,
        puts=puts,
        bill=Bill(
            reads=read_units * DOLLARS_PER_READ_UNIT,
            function=gb_seconds * DOLLARS_PER_GB_SECOND + invocations * DOLLARS_PER_REQUEST,
            state_machine=transitions * DOLLARS_PER_TRANSITION,
            checkpoints=puts * DOLLARS_PER_PUT,
        ),
    )


def find_read_units() -> float:
    """Return the read units of an item. A scan rounds up each page, and BatchGetItem rounds up each item."""
    return ITEM_KB / READ_UNIT_KB + ceil(ITEM_KB / READ_UNIT_KB)


def make_tables(results: Results) -> str:
    """Make the tables of the document."""
    item_us = results.backfill.cost.reading_us
    limit = find_limit(item_us, MEMORY_MB)
    measured = f"(measured on {results.made['date']} at commit {results.made['commit']})"
    most = f"a worker announces at most {round_figure(limit)} items per second."
    return "\n".join(
        [
            f"An item needs {item_us:.0f} µs of a vCPU {measured}, so {most}",
            "",
            *_make_run_table(limit),
            "",
            *_make_rate_table(limit),
        ]
    )


def _make_run_table(limit: float) -> Iterator[str]:
    titles = [
        "items",
        "duration",
        "read units",
        "invocations",
        "state transitions",
        "puts",
        "$ reads",
        "$ function",
        "$ state machine",
        "$ puts",
        "$ in total",
    ]
    yield from make_table(titles, [_make_run_row(items, limit) for items in ITEMS], "---:")


def _make_run_row(items: int, limit: float) -> list[str]:
    run = model_run(items, DEFAULT, limit)
    numbers = (run.read_units, run.invocations, run.transitions, run.puts)
    dollars = (*run.bill, sum(run.bill))
    return [
        f"{items:,}",
        _describe_duration(run.seconds),
        *(round_figure(number) for number in numbers),
        *(f"{each:.2g}" for each in dollars),
    ]


def _make_rate_table(limit: float) -> Iterator[str]:
    titles = [
        "events_per_second",
        "workers",
        "read units/s",
        "share of a worker's limit",
        f"duration for {ITEMS[-1]:,} items",
        "$ function for these",
        f"items in {PAUSE_HOURS} hours",
    ]
    yield from make_table(titles, [_make_rate_row(rate, workers, limit) for rate, workers in RATES], "---:")


def _make_rate_row(rate: int, workers: int, limit: float) -> list[str]:
    run = model_run(ITEMS[-1], DEFAULT._replace(events_per_second=rate, workers=workers), limit)
    return [
        f"{rate:,}",
        str(workers),
        round_figure(ITEMS[-1] / run.seconds * find_read_units()),
        f"{rate / workers / limit:.0%}",
        _describe_duration(run.seconds),
        f"{run.bill.function:.2g}",
        round_figure(ITEMS[-1] / run.seconds * PAUSE_HOURS * _HOUR),
    ]


def _describe_duration(seconds: float) -> str:
    """Return the duration in minutes or hours, rounded to two digits."""
    return f"{seconds / 60:.2g} min" if seconds < _HOUR else f"{seconds / _HOUR:.2g} h"
