"""The model of a backfill: its time, its requests and its dollars, from its default request and what an item costs.

It is arithmetic on few numbers, so that anybody can put in their own; docs/scale.md says where each comes from.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from benchmarks.backfill import PAGE_ITEMS
from benchmarks.results import Results
from benchmarks.scale import (
    DOLLARS_PER_GB_SECOND,
    DOLLARS_PER_REQUEST,
    MEMORY_OF_A_VCPU_MB,
    round_figure,
    to_head,
    to_row,
)
from feature_events.backfills.request import BackfillRequest
from feature_events.backfills.work import WORK_SECONDS

ITEMS = (1_000_000, 10_000_000, 100_000_000)
DEFAULT = BackfillRequest("table")
MEMORY_MB = 512
"""What template.yaml gives the function."""
RATES = ((2_000, 10), (2_000, 5), (10_000, 25), (25_000, 60))
"""Events a second, and the workers for them."""
PAUSE_HOURS = 23
"""As long as the stream's mapping can be paused, and nothing of the stream is lost."""

ITEM_KB = 1.0
READ_UNIT_KB = 4
DOLLARS_PER_READ_UNIT = 0.000_000_125
DOLLARS_PER_TRANSITION = 0.000_025
DOLLARS_PER_PUT = 0.000_005
PAGE_WAIT_MS = 250.0

# Each is entered once: Plan, the Map, Report; for a segment its child and Done; for each Work also the choice behind it
_TRANSITIONS_OF_A_RUN, _TRANSITIONS_OF_A_SEGMENT, _TRANSITIONS_OF_A_WORK = 3, 2, 2
_HOUR = 3_600


class Bill(NamedTuple):
    """Dollars."""

    reads: float
    function: float
    state_machine: float
    checkpoints: float


class Run(NamedTuple):
    """What a backfill takes."""

    seconds: float
    read_units: float
    invocations: int
    transitions: int
    puts: int
    """Of checkpoints, one for each page, and of the plan."""
    bill: Bill


def to_limit(item_us: float, memory_mb: int) -> float:
    """The most items that a worker announces in a second, where an item takes these microseconds of a whole vCPU."""
    share = min(1.0, memory_mb / MEMORY_OF_A_VCPU_MB)
    return PAGE_ITEMS / (item_us * PAGE_ITEMS / 1e6 / share + PAGE_WAIT_MS / 1e3)


def to_run(items: int, request: BackfillRequest, limit: float) -> Run:
    """A backfill of so many items, whose workers keep to the request's rate and cannot exceed the limit."""
    of_a_worker = min(request.events_per_second / request.workers, limit)
    of_a_segment = items / request.segments
    segment_seconds = of_a_segment / of_a_worker
    works = request.segments * ceil(segment_seconds / WORK_SECONDS)
    invocations = works + 2
    transitions = _TRANSITIONS_OF_A_RUN + request.segments * _TRANSITIONS_OF_A_SEGMENT + works * _TRANSITIONS_OF_A_WORK
    puts = request.segments * ceil(of_a_segment / PAGE_ITEMS) + 1
    read_units = items * to_read_units()
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


def to_read_units() -> float:
    """Of an item: the scan adds up a page before it rounds, BatchGetItem rounds each item up."""
    return ITEM_KB / READ_UNIT_KB + ceil(ITEM_KB / READ_UNIT_KB)


def to_tables(results: Results) -> str:
    """The document's tables, in Markdown."""
    item_us = results.backfill.cost.reading_us
    limit = to_limit(item_us, MEMORY_MB)
    once = f"An item costs {item_us:.0f} µs of a vCPU, so a worker announces at most {round_figure(limit)} a second."
    return "\n".join([once, "", *_to_run_table(limit), "", *_to_rate_table(limit)])


def _to_run_table(limit: float) -> Iterator[str]:
    yield from to_head(
        [
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
            "$ in all",
        ]
    )
    for items in ITEMS:
        run = to_run(items, DEFAULT, limit)
        numbers = (run.read_units, run.invocations, run.transitions, run.puts)
        dollars = (*run.bill, sum(run.bill))
        yield to_row(
            [
                f"{items:,}",
                _to_duration(run.seconds),
                *(round_figure(number) for number in numbers),
                *(f"{each:.2g}" for each in dollars),
            ]
        )


def _to_rate_table(limit: float) -> Iterator[str]:
    yield from to_head(
        [
            "events_per_second",
            "workers",
            "read units/s",
            "part of a worker's limit",
            f"{ITEMS[-1]:,} items in",
            "$ function for that",
            f"items in {PAUSE_HOURS} hours",
        ]
    )
    for rate, workers in RATES:
        run = to_run(ITEMS[-1], DEFAULT._replace(events_per_second=rate, workers=workers), limit)
        yield to_row(
            [
                f"{rate:,}",
                str(workers),
                round_figure(ITEMS[-1] / run.seconds * to_read_units()),
                f"{rate / workers / limit:.0%}",
                _to_duration(run.seconds),
                f"{run.bill.function:.2g}",
                round_figure(ITEMS[-1] / run.seconds * PAUSE_HOURS * _HOUR),
            ]
        )


def _to_duration(seconds: float) -> str:
    """Two figures, in minutes or in hours."""
    return f"{seconds / 60:.2g} min" if seconds < _HOUR else f"{seconds / _HOUR:.2g} h"
