"""Model throughput, connections and dollars from the measured cost of one record.

The model is simple arithmetic on a few assumptions, which docs/scale.md explains.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from benchmarks.pages import make_table, round_figure
from benchmarks.results import Results

FEATURES = 20
DEFAULT_MEMORY_MB = 512
DEFAULT_BATCH = 1_000
MEMORIES_MB = (256, 512, 1_024, 1_769)
BATCHES = (1, 10, 100, 1_000, 4_000)
SHARDS = (1, 10, 100, 1_000)
FACTORS = (1, 2, 10)
BROKERS = 3

# Lambda's CPU is proportional to memory, with one vCPU at this size. Python cannot use more than one vCPU.
MEMORY_OF_A_VCPU_MB = 1_769
DOLLARS_PER_GB_SECOND = 0.000_013_333_4
DOLLARS_PER_REQUEST = 0.000_000_2
SHARD_RECORDS_PER_SECOND = 1_000
CONNECTIONS_PER_SECOND = 100
CONNECTIONS_PER_BROKER = 3_000
ACKNOWLEDGEMENT_MS = 10.0
WAVE_RECORDS = 1_000


class Profile(NamedTuple):
    """The CPU of an invocation on one vCPU: a constant, and the CPU for each record including parsing."""

    invocation_ms: float
    record_us: float


class Lane(NamedTuple):
    """One batch at a time. The number of lanes of a shard is its parallelization factor."""

    duration_ms: int
    """The billed duration of one batch."""
    records_per_second: float
    dollars_per_million: float


def fit_profile(results: Results) -> Profile:
    """Fit a line through the costs of one record and of 1,000 records."""
    single, thousand = (
        sum(results.find_cost(way, FEATURES, records).cpu_us for way in ("ours", "parse")) * records
        for records in (1, 1_000)
    )
    record_us = (thousand - single) / 999
    return Profile((single - record_us) / 1e3, record_us)


def model_lane(profile: Profile, memory_mb: int, batch: int) -> Lane:
    """Model the throughput and the cost of one lane with full batches of this size."""
    share = min(1.0, memory_mb / MEMORY_OF_A_VCPU_MB)
    cpu_ms = profile.invocation_ms + profile.record_us * batch / 1e3
    duration_ms = ceil(cpu_ms / share + ACKNOWLEDGEMENT_MS * ceil(batch / WAVE_RECORDS))
    dollars = duration_ms / 1e3 * memory_mb / 1024 * DOLLARS_PER_GB_SECOND + DOLLARS_PER_REQUEST
    return Lane(duration_ms, batch / duration_ms * 1e3, dollars / batch * 1e6)


def make_tables(results: Results) -> str:
    """Make the tables of the document."""
    profile = fit_profile(results)
    cost = f"{profile.invocation_ms:.2f} ms of a vCPU, plus {profile.record_us:.1f} µs for each record"
    measured = f"(measured on {results.made['date']} at commit {results.made['commit']})"
    lines = [f"An invocation needs {cost} {measured}.", "", *_make_lane_table(profile), "", *_make_shard_table(profile)]
    return "\n".join(lines)


def _make_lane_table(profile: Profile) -> Iterator[str]:
    rows = [
        [f"{batch:,}", *(_describe_lane(model_lane(profile, memory, batch)) for memory in MEMORIES_MB)]
        for batch in BATCHES
    ]
    yield from make_table(["records in a batch", *(f"{memory:,} MB" for memory in MEMORIES_MB)], rows, "---:")


def _describe_lane(lane: Lane) -> str:
    return f"{lane.duration_ms:,} ms, {round_figure(lane.records_per_second)}/s, ${lane.dollars_per_million:.2g}"


def _make_shard_table(profile: Profile) -> Iterator[str]:
    lane = model_lane(profile, DEFAULT_MEMORY_MB, DEFAULT_BATCH)
    titles = [
        "shards",
        "factor",
        "concurrent invocations",
        "records/s processed at most",
        "records/s from the shards at most",
        "connections to each broker",
        f"connections to {BROKERS} brokers",
        "seconds to connect with IAM",
        "$ per hour at that rate",
    ]
    yield from make_table(
        titles, [_make_shard_row(lane, shards, each) for shards in SHARDS for each in FACTORS], "---:"
    )


def _make_shard_row(lane: Lane, shards: int, factor: int) -> list[str]:
    lanes = shards * factor
    processed, written = lanes * lane.records_per_second, shards * SHARD_RECORDS_PER_SECOND
    dollars = min(processed, written) * 3_600 / 1e6 * lane.dollars_per_million
    return [
        f"{shards:,}",
        str(factor),
        f"{lanes:,}",
        round_figure(processed),
        f"{written:,}",
        f"{lanes:,}",
        f"{lanes * BROKERS:,}",
        f"{ceil(lanes / CONNECTIONS_PER_SECOND):,}",
        f"{dollars:.2g}",
    ]
