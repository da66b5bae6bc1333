"""`make bench`: measure everything, and write the results to docs/benchmarks and docs/scale.md."""

import argparse
from collections.abc import Callable
from functools import partial

from rich.console import Console

from benchmarks import backfill_scale, pages, report, scale
from benchmarks.backfill import measure_backfill
from benchmarks.broker import run_broker
from benchmarks.cold_start import compare_releases, measure_first_invocations, measure_starts
from benchmarks.counters import measure_counters
from benchmarks.end_to_end import measure_end_to_end
from benchmarks.environments import make_environments
from benchmarks.layouts import measure_layouts
from benchmarks.memory import measure_growth, measure_peaks
from benchmarks.one_record import measure_one_record
from benchmarks.results import FOLDER, Results, describe_run
from benchmarks.sizes import measure_sizes
from benchmarks.throughput import ROUNDS, measure_throughput
from benchmarks.topic_index import measure_index
from local.commands import command


def bench(console: Console, *, rounds: int, compares_releases: bool) -> int:
    """Measure everything, and write the results."""
    with console.status("starting") as status, run_broker() as brokers:
        results = _measure(brokers, status.update, rounds=rounds, compares_releases=compares_releases)
    results.write()
    write_documents()
    console.print(f"wrote {FOLDER} and {pages.DOCUMENT}")
    return 0


def _measure(brokers: str, progress: Callable[[str], None], *, rounds: int, compares_releases: bool) -> Results:
    made = describe_run()  # the commit at the start of the run
    end_to_end = measure_end_to_end(progress)  # first, because it detects failures soonest
    progress("counting the work of a record")
    work = measure_counters()
    progress("CPU of one record, by layout")
    layouts = measure_layouts()
    costs = measure_throughput(lambda text: progress(f"CPU of one record, {text}"), rounds)
    progress("latency of one record")
    one_record = measure_one_record(brokers)
    sizes = measure_sizes(brokers)
    progress("memory over many invocations")
    growth = measure_growth(brokers)
    backfill = measure_backfill(brokers, lambda text: progress(f"the backfill, {text}"))
    topic_index = measure_index(progress)
    progress("building the functions")
    with make_environments() as environments:
        starts = measure_starts(environments, brokers, progress)
        progress("first invocations")
        first_invocations = measure_first_invocations(environments, brokers)
        progress("memory of the largest batches")
        peaks = measure_peaks(environments, brokers)
    releases = compare_releases(brokers, progress) if compares_releases else _read_releases()
    return Results(
        made=made,
        costs=costs,
        layouts=layouts,
        work=work,
        starts=starts,
        first_invocations=first_invocations,
        peaks=peaks,
        growth=growth,
        backfill=backfill,
        topic_index=topic_index,
        one_record=one_record,
        end_to_end=end_to_end,
        sizes=sizes,
        releases=releases,
    )


def write_documents() -> None:
    """Write the tables from the results."""
    results = Results.read()
    (FOLDER / "README.md").write_text(report.make_markdown(results))
    pages.update("stream", scale.make_tables(results))
    pages.update("backfill", backfill_scale.make_tables(results))


def _read_releases() -> dict[str, float]:
    """Return the results of an earlier run. Releases of the library change less often than this code."""
    try:
        return dict(Results.read().releases)
    except FileNotFoundError:
        return {}


def main() -> None:
    """Run `make bench`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="the number of rounds for the CPU of one record")
    parser.add_argument(
        "--compare-releases", action="store_true", help="also install and measure other releases of confluent-kafka"
    )
    parser.add_argument("--documents", action="store_true", help="only write the documents from the last results")
    given = parser.parse_args()
    if given.documents:
        write_documents()
    else:
        command.run(partial(bench, rounds=given.rounds, compares_releases=given.compare_releases))


if __name__ == "__main__":
    main()
