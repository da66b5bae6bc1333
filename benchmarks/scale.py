"""The model of scale: records per second, connections and dollars, from what one record was measured to cost.

It is arithmetic on few numbers, so that anybody can put in their own; docs/scale.md says where each comes from.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

from benchmarks.results import Results
from local.paths import ROOT

DOCUMENT = ROOT / "docs" / "scale.md"

FEATURES = 20
DEFAULT_MEMORY_MB = 512
DEFAULT_BATCH = 1_000
MEMORIES_MB = (256, 512, 1_024, 1_769)
BATCHES = (1, 10, 100, 1_000, 4_000)
SHARDS = (1, 10, 100, 1_000)
FACTORS = (1, 2, 10)
BROKERS = 3

# Lambda gives CPU by memory, one vCPU at this; the handler's Python cannot use more than one
MEMORY_OF_A_VCPU_MB = 1_769
DOLLARS_PER_GB_SECOND = 0.000_013_333_4
DOLLARS_PER_REQUEST = 0.000_000_2
SHARD_RECORDS_PER_SECOND = 1_000
CONNECTIONS_PER_SECOND = 100
CONNECTIONS_PER_BROKER = 3_000
ACKNOWLEDGEMENT_MS = 10.0
WAVE_RECORDS = 1_000


class Profile(NamedTuple):
    """The CPU of an invocation on one whole vCPU: what it costs once, and for each record, its parsing included."""

    invocation_ms: float
    record_us: float


class Lane(NamedTuple):
    """One batch after the other: what a shard has, once for each unit of its parallelization factor."""

    duration_ms: int
    """Billed, of one batch."""
    records_per_second: float
    dollars_per_million: float


def to_profile(results: Results) -> Profile:
    """The line through the costs of a single record and of a thousand, with headers."""
    single, thousand = (
        sum(results.find_cost(way, FEATURES, records).cpu_us for way in ("ours", "parse")) * records
        for records in (1, 1_000)
    )
    record_us = (thousand - single) / 999
    return Profile((single - record_us) / 1e3, record_us)


def to_lane(profile: Profile, memory_mb: int, batch: int) -> Lane:
    """What one lane does and costs with full batches of this size."""
    share = min(1.0, memory_mb / MEMORY_OF_A_VCPU_MB)
    cpu_ms = profile.invocation_ms + profile.record_us * batch / 1e3
    duration_ms = ceil(cpu_ms / share + ACKNOWLEDGEMENT_MS * ceil(batch / WAVE_RECORDS))
    dollars = duration_ms / 1e3 * memory_mb / 1024 * DOLLARS_PER_GB_SECOND + DOLLARS_PER_REQUEST
    return Lane(duration_ms, batch / duration_ms * 1e3, dollars / batch * 1e6)


def to_tables(results: Results) -> str:
    """The document's tables, in Markdown."""
    profile = to_profile(results)
    once = f"An invocation costs {profile.invocation_ms:.2f} ms of a vCPU once, and {profile.record_us:.1f} µs"
    lines = [f"{once} for each record.", "", *_to_lane_table(profile), "", *_to_shard_table(profile)]
    return "\n".join(lines)


def update(part: str, tables: str, document: Path = DOCUMENT) -> None:
    """Puts the tables of a part into the document, between its marks."""
    begin, end = _to_marks(part)
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}")


def read_tables(part: str, document: Path = DOCUMENT) -> str:
    """The tables of a part that are in the document."""
    begin, end = _to_marks(part)
    _, _, rest = document.read_text().partition(begin)
    return rest.partition(end)[0].strip()


def to_head(titles: Sequence[str]) -> list[str]:
    """The head of a table of numbers."""
    return [to_row(titles), "|" + "---:|" * len(titles)]


def to_row(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def round_figure(number: float) -> str:
    """Two figures, since a model has no more."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _to_marks(part: str) -> tuple[str, str]:
    return f"<!-- {part}, made by make bench: begin -->", f"<!-- {part}, made by make bench: end -->"


def _to_lane_table(profile: Profile) -> Iterator[str]:
    yield from to_head(["records in a batch", *(f"{memory:,} MB" for memory in MEMORIES_MB)])
    for batch in BATCHES:
        cells = [f"{batch:,}"]
        for memory in MEMORIES_MB:
            lane = to_lane(profile, memory, batch)
            cells.append(
                f"{lane.duration_ms:,} ms, {round_figure(lane.records_per_second)}/s, ${lane.dollars_per_million:.2g}"
            )
        yield to_row(cells)


def _to_shard_table(profile: Profile) -> Iterator[str]:
    lane = to_lane(profile, DEFAULT_MEMORY_MB, DEFAULT_BATCH)
    yield from to_head(
        [
            "shards",
            "factor",
            "invocations at once",
            "records/s handled at most",
            "records/s the shards bring at most",
            "connections to each broker",
            f"connections to {BROKERS} brokers",
            "seconds to connect with IAM",
            "$ an hour for that",
        ]
    )
    for shards in SHARDS:
        for factor in FACTORS:
            lanes = shards * factor
            handled, written = lanes * lane.records_per_second, shards * SHARD_RECORDS_PER_SECOND
            dollars = min(handled, written) * 3_600 / 1e6 * lane.dollars_per_million
            yield to_row(
                [
                    f"{shards:,}",
                    str(factor),
                    f"{lanes:,}",
                    round_figure(handled),
                    f"{written:,}",
                    f"{lanes:,}",
                    f"{lanes * BROKERS:,}",
                    f"{ceil(lanes / CONNECTIONS_PER_SECOND):,}",
                    f"{dollars:.2g}",
                ]
            )
