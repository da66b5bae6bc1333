"""The results as Markdown: ratios first, since times are this machine's."""

from collections.abc import Iterator, Sequence

from benchmarks.results import Results
from benchmarks.throughput import FEATURES, RECORDS, WAYS

_NAMES = {
    "bare": "a bare interpreter",
    "ours": "this function",
    "usual": "the usual set",
    "ours_iam": "this function, with an IAM token",
    "usual_iam": "the usual set, with an IAM token",
    "event": "the event alone, parsed",
}


_COSTS = """\
## CPU of one record

The whole handler: parsed event in, every event acknowledged; the least of all rounds, which take turns. Microseconds
of CPU, librdkafka's threads included; in brackets how many times `json.loads` of the same event, which is `parse`.
Only `ours`, this handler, writes headers. `usual` is what one would write today: Powertools' BatchProcessor,
Confluent's AvroSerializer, one flush for the batch. `former` is the former publisher: Avro in pure Python, a flush for
each record. `prebuilt` is librdkafka alone with messages that are there already, the limit. The largest number of
records is as many as an event holds.
"""
_LAYOUTS = """\
## CPU of one record under each layout

From stream record to message, without Kafka, of what real writers wrote; beside it the same features in an item of the
default layout, in turns, the least of all rounds. Most of what is above 3 us is a number turned into a time, or JSON.
"""
_BACKFILL = """\
## Backfill

A worker of the backfill on pages of 1,000 items of 20 features, in turns with the live pipeline on the same items; the
least of all rounds. The worker reads each item twice, by the scan and to see whether it is still so, and compares both.
Read, its items are boto3's, made of answers as DynamoDB gives them; the live pipeline's are `json.loads`'s.
"""
_BACKFILL_GROWTH = """
Over {items:,} items scanned, each of another entity: {before:.1f} MiB resident after a tenth of them,
{after:.1f} MiB at the end, and {blocks:+,} blocks of Python's allocator.
"""
_WORK = """\
## Work of one record and of one invocation

Counted, not timed, so the same on every machine; `make test` holds them to `benchmarks/bounds.json`. An
invocation's are those of a batch of one record.
"""
_SIZES = """\
## Size of an event

Bytes of one event with its wire-format prefix, beside the same fields as compact JSON; and what each takes on the wire
in a batch of 1,000 events compressed by zstd, key and Kafka's own format included, headers not.
"""
_STARTS = """\
## Start

Imports, settings, pinned schema id, producer made; in fresh processes from what `sam build` makes, over a bare
interpreter. The usual set is Powertools' Logger, Metrics, Tracer and BatchProcessor, Confluent's registry client and
AvroSerializer, boto3 and the signer for Amazon MSK, in a layer of its own. With an IAM token no broker is asked.
"""
_FIRST = """
Behind the runtime interface emulator, 100 records of 20 features:
"""
_MEMORY = """\
## Memory

The most that was resident while the largest events were handled, three times each.
"""
_GROWTH = """
Over {invocations:,} invocations, each with entities never seen before: {before:.1f} MiB resident after a tenth of them,
{after:.1f} MiB at the end, and {blocks:+,} blocks of Python's allocator.
"""
_LATENCY = """\
## Latency

One record, in turns with producing and flushing the very same message:
"""
_END_TO_END = """
On a real broker, everything on this machine: one handler takes {rate:,.0f} records/s of 20 features in batches of
1,000, and {cpu_rate:,.0f} for each second of its CPU. From item written to event read, by the deployed function on the
local stand-in for AWS: p50 {p50:.0f} ms, p99 {p99:.0f} ms of {writes} writes; {first:,.0f} ms for the first, with the
cold start.
"""


def to_markdown(results: Results) -> str:
    """Every table."""
    made = ", ".join(f"{name} {text}" for name, text in results.made.items() if name != "date")
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Made by `make bench` on {results.made['date']}: {made}.",
            "Ratios are the message; times are this machine's.",
            "",
            "![CPU of one record](cpu.svg)",
            "",
            *_to_costs(results),
            *_to_layouts(results),
            *_to_backfill(results),
            *_to_work(results),
            *_to_sizes(results),
            *_to_starts(results),
            *_to_memory(results),
            *_to_latency(results),
            "",
        ]
    )


def _to_costs(results: Results) -> Iterator[str]:
    yield _COSTS
    names = [way.name for way in WAYS]
    yield from _to_table(
        ["features", "records", *names, "usual / ours"],
        (_to_cost_row(results, features, records, names) for features in FEATURES for records in RECORDS),
    )
    yield ""


def _to_cost_row(results: Results, features: int, records: int | None, names: Sequence[str]) -> list[str]:
    costs = {name: results.find_cost(name, features, records) for name in names}
    parse, usual = costs["parse"].cpu_us, costs["usual"].cpu_us
    return [
        str(features),
        f"{costs['parse'].records:,}",
        *(f"{cost.cpu_us:.1f} ({cost.cpu_us / parse:.2f})" for cost in costs.values()),
        f"{usual / costs['ours'].cpu_us:.2f}",
    ]


def _to_layouts(results: Results) -> Iterator[str]:
    yield _LAYOUTS
    figures = [(each, each.cpu_us - each.default_us) for each in results.layouts]
    yield from _to_table(
        ["rows", "features", "microseconds", "in the default layout", "more"],
        (
            [each.rows, f"{each.features:.1f}", f"{each.cpu_us:.1f}", f"{each.default_us:.1f}", f"{more:+.1f}"]
            for each, more in figures
        ),
    )
    yield ""


def _to_backfill(results: Results) -> Iterator[str]:
    cost, growth = results.backfill
    figures = [
        ("values that are there already", cost.worker_us, cost.live_us),
        ("read", cost.reading_us, cost.live_us + cost.parse_us),
    ]
    yield _BACKFILL
    yield from _to_table(
        ["items", "worker / live pipeline", "worker, microseconds", "live pipeline, microseconds"],
        ([items, f"{worker / live:.1f}", f"{worker:.0f}", f"{live:.1f}"] for items, worker, live in figures),
    )
    yield _BACKFILL_GROWTH.format(
        items=growth.items,
        before=growth.resident_before_mib,
        after=growth.resident_after_mib,
        blocks=growth.blocks_after - growth.blocks_before,
    )


def _to_work(results: Results) -> Iterator[str]:
    yield _WORK
    yield from _to_table(
        ["of one", "features", "Python frames", "calls", "bytecode instructions"],
        (
            [of, str(work.features), *(f"{number:,.0f}" for number in work[1:])]
            for of, works in results.work.items()
            for work in works
        ),
    )
    yield ""


def _to_sizes(results: Results) -> Iterator[str]:
    yield _SIZES
    yield from _to_table(
        ["features", "Avro", "compact JSON", "Avro / JSON", "Avro, in a batch", "JSON, in a batch"],
        (
            [
                str(size.features),
                f"{size.avro:,.0f}",
                f"{size.json:,.0f}",
                f"{size.avro / size.json:.2f}",
                f"{size.avro_on_wire:.1f}",
                f"{size.json_on_wire:.1f}",
            ]
            for size in results.sizes
        ),
    )
    yield ""


def _to_starts(results: Results) -> Iterator[str]:
    yield _STARTS
    usual = {"ours": results.find_start("usual"), "ours_iam": results.find_start("usual_iam")}
    yield from _to_table(
        ["start", "CPU ms", "wall ms", "resident MiB", "part of the usual set's wall"],
        (
            [
                _NAMES[start.name],
                f"{start.cpu_ms:.0f}",
                f"{start.wall_ms:.0f}" if start.name != "bare" else "",
                f"{start.started_mib:.0f}",
                f"{start.wall_ms / usual[start.name].wall_ms:.3f}" if start.name in usual else "",
            ]
            for start in results.starts
        ),
    )
    yield _FIRST
    yield from _to_table(
        ["function", "first invocation ms, least", "worst", "a later one ms, least"],
        (
            [_NAMES[each.name], f"{each.first_ms:.0f}", f"{each.first_worst_ms:.0f}", f"{each.later_ms:.1f}"]
            for each in results.first_invocations
        ),
    )
    if results.releases:
        told = ", ".join(f"{release} {took:.0f} ms" for release, took in results.releases.items())
        yield from ("", f"Importing confluent_kafka and making a producer, by release: {told} of CPU.")
    yield ""


def _to_memory(results: Results) -> Iterator[str]:
    yield _MEMORY
    yield from _to_table(
        ["function", "features", "records", "after the start MiB", "peak MiB"],
        (
            [
                _NAMES[peak.name],
                str(peak.features),
                f"{peak.records:,}",
                f"{peak.started_mib:.0f}",
                f"{peak.peak_mib:.0f}",
            ]
            for peak in results.peaks
        ),
    )
    growth = results.growth
    yield _GROWTH.format(
        invocations=growth.invocations,
        before=growth.resident_before_mib,
        after=growth.resident_after_mib,
        blocks=growth.blocks_after - growth.blocks_before,
    )


def _to_latency(results: Results) -> Iterator[str]:
    one, whole = results.one_record, results.end_to_end
    yield _LATENCY
    yield from _to_table(
        ["one record", "p50 ms", "p99 ms"],
        [
            ["this handler", f"{one.handler_p50_ms:.2f}", f"{one.handler_p99_ms:.2f}"],
            ["producing and flushing the same message", f"{one.bare_p50_ms:.2f}", f"{one.bare_p99_ms:.2f}"],
        ],
    )
    yield _END_TO_END.format(
        rate=whole.records_per_second,
        cpu_rate=whole.records_per_cpu_second,
        p50=whole.p50_ms,
        p99=whole.p99_ms,
        writes=whole.writes,
        first=whole.first_ms,
    ).rstrip()


def _to_table(titles: Sequence[str], rows: Iterator[list[str]] | list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    for row in rows:
        yield f"| {' | '.join(row)} |"
