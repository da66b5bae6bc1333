"""Write the results as Markdown. Ratios are more useful than times, which depend on the machine."""

from collections.abc import Iterator

from benchmarks.pages import make_table
from benchmarks.results import Results
from benchmarks.throughput import CONTENDERS, FEATURES, RECORDS

_NAMES = {
    "bare": "a bare interpreter",
    "ours": "this function",
    "usual": "the usual function",
    "ours_iam": "this function, with an IAM token",
    "usual_iam": "the usual function, with an IAM token",
    "event": "the parsed event alone",
}

_COSTS = """\
## CPU of one record

The whole handler, from the parsed event until every message is acknowledged. The contenders take turns, and the minimum
of all rounds counts. Values are microseconds of CPU, including librdkafka's threads. The value in brackets is the ratio
to `json.loads` of the same event, which is `parse`.

| contender | what it does |
|---|---|
| `ours` | this handler, the only one that writes headers |
| `usual` | Powertools' BatchProcessor, Confluent's AvroSerializer and one flush for each batch |
| `former` | the former publisher: Avro in pure Python and one flush for each record |
| `prebuilt` | librdkafka alone with prebuilt messages, the lower limit |

The largest number of records fills an event.
"""
_LAYOUTS = """\
## CPU of one record under each layout

From stream record to message, without Kafka, with the records of real writers. The default layout is measured in turns
with the same features, and the minimum of all rounds counts. Most of a difference above 3 µs comes from converting
numbers to times, or from JSON.
"""
_BACKFILL = """\
## Backfill

A worker of the backfill with pages of 1,000 items of 20 features, in turns with the live pipeline and the same items.
The minimum of all rounds counts. The worker gets each item twice, from the scan and from a second read that checks for
changes, and compares both. The second row includes parsing: boto3 parses DynamoDB's responses for the worker, and
`json.loads` parses the event for the live pipeline.
"""
_BACKFILL_GROWTH = """
Scanning {items:,} items of different entities: {before:.1f} MiB resident after a tenth of them, {after:.1f} MiB at the
end, and {blocks:+,} blocks of Python's allocator.
"""
_INDEX = """\
## Index of the topic

A backfill with `missing_only` indexes the events of its table. These are {events:,} events of {items:,} items with 20
features, read by one worker in one process. Fetching them from Kafka is not included. Times are CPU. Memory is the
process's highest, and before the index it is {before:.0f} MiB.
"""
_WORK = """\
## Work of one record and of one batch

These values are counted, not timed, so they are the same on every machine. `make test` compares them with
`benchmarks/bounds.json`. The work of a batch is measured with a batch of one record.
"""
_SIZES = """\
## Size of an event

The bytes of one event including its wire-format prefix, compared with the same fields as compact JSON. "In a batch" is
the size on the wire in a batch of 1,000 events compressed with zstd, including the key and Kafka's record format, but
no headers.
"""
_STARTS = """\
## Start

The imports, the settings, the pinned schema id and the producer, in new processes built by `sam build`, beyond a bare
interpreter. The usual function uses Powertools' Logger, Metrics, Tracer and BatchProcessor, Confluent's registry client
and AvroSerializer, boto3 and the signer for Amazon MSK, in a separate layer. With an IAM token, no broker is contacted.
"""
_MEMORY = """\
## Memory

The peak of resident memory while the largest events are handled, three times each.
"""
_GROWTH = """
Over {invocations:,} invocations with new entities: {before:.1f} MiB resident after a tenth of them, {after:.1f} MiB at
the end, and {blocks:+,} blocks of Python's allocator.
"""
_LATENCY = """\
## Latency

One record, in turns with producing and flushing the same message:
"""
_END_TO_END = """
With a real broker on the same machine, one handler processes {rate:,.0f} records/s of 20 features in batches of 1,000,
and {cpu_rate:,.0f} records for each second of its CPU.

With the deployed function on the local stand-in for AWS, the time from a write until its event is read is {p50:.0f} ms
(p50) and {p99:.0f} ms (p99) over {writes} writes. The first write takes {first:,.0f} ms, including the cold start.
"""


def make_markdown(results: Results) -> str:
    """Return the whole page."""
    versions = ", ".join(f"{name} {text}" for name, text in results.made.items() if name not in {"date", "commit"})
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Measured by `make bench` on {results.made['date']} at commit {results.made['commit']}, with {versions}.",
            "Compare the ratios. The times depend on the machine.",
            "",
            "![Bars: CPU of one record for this handler and others, with 3, 20 and 100 features](cpu.svg)",
            "",
            *_report_costs(results),
            *_report_layouts(results),
            *_report_backfill(results),
            *_report_index(results),
            *_report_work(results),
            *_report_sizes(results),
            *_report_starts(results),
            *_report_memory(results),
            *_report_latency(results),
            "",
        ]
    )


def _report_costs(results: Results) -> Iterator[str]:
    yield _COSTS
    yield from make_table(
        ["features", "records", *CONTENDERS, "usual / ours"],
        (_make_cost_row(results, features, records) for features in FEATURES for records in RECORDS),
    )
    yield ""


def _make_cost_row(results: Results, features: int, records: int | None) -> list[str]:
    costs = {name: results.find_cost(name, features, records) for name in CONTENDERS}
    parse, usual = costs["parse"].cpu_us, costs["usual"].cpu_us
    return [
        str(features),
        f"{costs['parse'].records:,}",
        *(f"{cost.cpu_us:.1f} ({cost.cpu_us / parse:.2f})" for cost in costs.values()),
        f"{usual / costs['ours'].cpu_us:.2f}",
    ]


def _report_layouts(results: Results) -> Iterator[str]:
    yield _LAYOUTS
    figures = [(each, each.cpu_us - each.default_us) for each in results.layouts]
    yield from make_table(
        ["items", "features", "µs", "µs in the default layout", "difference"],
        (
            [each.rows, f"{each.features:.1f}", f"{each.cpu_us:.1f}", f"{each.default_us:.1f}", f"{more:+.1f}"]
            for each, more in figures
        ),
    )
    yield ""


def _report_backfill(results: Results) -> Iterator[str]:
    cost, growth = results.backfill
    figures = [
        ("parsed", cost.worker_us, cost.live_us),
        ("including parsing", cost.reading_us, cost.live_us + cost.parse_us),
    ]
    yield _BACKFILL
    yield from make_table(
        ["items", "worker / live pipeline", "worker, µs", "live pipeline, µs"],
        ([items, f"{worker / live:.1f}", f"{worker:.0f}", f"{live:.1f}"] for items, worker, live in figures),
    )
    yield _BACKFILL_GROWTH.format(
        items=growth.items,
        before=growth.resident_before_mib,
        after=growth.resident_after_mib,
        blocks=growth.blocks_after - growth.blocks_before,
    )


def _report_index(results: Results) -> Iterator[str]:
    index = results.topic_index
    yield _INDEX.format(events=index.events, items=index.items, before=index.before_mib)
    yield from make_table(
        ["step", "µs", "bytes", "MiB"],
        [
            ["index an event", f"{index.index_us:.1f}", f"{index.stored_bytes:,}", f"{index.indexing_mib:.0f}"],
            ["merge an event", f"{index.merge_us:.2f}", f"{index.index_bytes:,}", f"{index.merging_mib:.0f}"],
            ["look up an item", f"{index.find_us:.1f}", "", ""],
        ],
    )
    yield ""


def _report_work(results: Results) -> Iterator[str]:
    yield _WORK
    yield from make_table(
        ["work of one", "features", "Python frames", "calls", "bytecode instructions"],
        (
            [of, str(work.features), *(f"{number:,.0f}" for number in work[1:])]
            for of, works in results.work.items()
            for work in works
        ),
    )
    yield ""


def _report_sizes(results: Results) -> Iterator[str]:
    yield _SIZES
    yield from make_table(
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


def _report_starts(results: Results) -> Iterator[str]:
    yield _STARTS
    usual = {"ours": results.find_start("usual"), "ours_iam": results.find_start("usual_iam")}
    yield from make_table(
        ["start", "CPU ms", "wall ms", "resident MiB", "ratio to the usual function's wall"],
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
    yield from ("", "With the runtime interface emulator, and 100 records of 20 features:", "")
    yield from make_table(
        ["function", "first invocation ms, minimum", "maximum", "later invocation ms, minimum"],
        (
            [_NAMES[each.name], f"{each.first_ms:.0f}", f"{each.first_worst_ms:.0f}", f"{each.later_ms:.1f}"]
            for each in results.first_invocations
        ),
    )
    if results.releases:
        costs = ", ".join(f"{release} {took:.0f} ms" for release, took in results.releases.items())
        yield from ("", f"CPU of importing confluent_kafka and creating a producer, by release: {costs}.")
    yield ""


def _report_memory(results: Results) -> Iterator[str]:
    yield _MEMORY
    yield from make_table(
        ["function", "features", "records", "MiB after the start", "peak MiB"],
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


def _report_latency(results: Results) -> Iterator[str]:
    one, whole = results.one_record, results.end_to_end
    yield _LATENCY
    yield from make_table(
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
