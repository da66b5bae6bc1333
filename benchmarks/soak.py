"""`make soak`: run the function at a constant rate, and measure memory, open files, latency and CPU.

One execution environment sends to a real broker. A leak that is visible after 15 minutes would stop an environment that
Lambda keeps for hours.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pages import make_table, update
from benchmarks.results import describe_run
from benchmarks.soak_run import FIGURES, Figure, SoakRun, Window
from local.paths import ROOT
from local.servers.kafka import Kafka
from local.servers.topic import create_topic
from tests.support.function_process import FunctionProcess
from tests.support.records import to_item, to_record

PAGE = ROOT / "docs" / "promises.md"

BATCH = 100
BATCHES_PER_SECOND = 10
WINDOW_SECONDS = 2.0
LEAST_MINUTES = 0.25
"""Shorter runs have too few windows to compare."""
TOPIC = "soak"


def watch(function: FunctionProcess, seconds: float) -> Iterator[Window]:
    """Invoke the function at the rate for this time."""
    item = to_item(tuple(f"feature_{number}" for number in range(20)))
    latencies: list[float] = []
    begun = time.monotonic()
    cpu = function.read_cpu_seconds()
    number = invocations = 0
    window_end = WINDOW_SECONDS
    while (now := time.monotonic() - begun) < seconds:
        records = [to_record(number + place, entity=f"user-{place}", item=item) for place in range(BATCH)]
        number += BATCH
        sent = time.perf_counter()
        answer = function.invoke(records)
        latencies.append((time.perf_counter() - sent) * 1000)
        if answer != {"batchItemFailures": []}:
            raise SystemExit(f"after {now:.0f} s the function answered {answer}")
        if now >= window_end:
            spent = function.read_cpu_seconds() - cpu
            yield Window(
                seconds=now,
                memory_mib=function.read_megabytes(),
                open_files=function.count_files(),
                latency_ms=statistics.median(latencies),
                cpu_ms=spent / len(latencies) * 1000,
            )
            cpu += spent
            latencies.clear()
            window_end += WINDOW_SECONDS
        invocations += 1
        time.sleep(max(0.0, begun + invocations / BATCHES_PER_SECOND - time.monotonic()))


def measure(minutes: float) -> SoakRun:
    """Run the function on a new broker."""
    made = describe_run()  # the commit at the start of the run
    with TemporaryDirectory() as directory, Kafka(Path(directory)) as kafka:
        create_topic(kafka.bootstrap, TOPIC)
        environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "TOPIC_NAME": TOPIC, "SCHEMA_ID": "7"}
        with FunctionProcess(environ) as function:
            windows = list(watch(function, minutes * 60))
    return SoakRun(made, minutes, BATCH, BATCHES_PER_SECOND, WINDOW_SECONDS, windows)


def make_section(run: SoakRun) -> str:
    """Return what docs/promises.md says about the run."""
    conditions = (
        f"The last run sent {run.rate:,} events per second for {run.minutes:g} minutes, in batches of {run.batch}, on "
        f"{run.made['date']} at commit {run.made['commit']}. The first value includes the cold start and is left "
        "out."
    )
    table = make_table(
        [f"over {run.window_seconds:g} seconds", "lowest", "median", "highest"],
        (_make_row(figure, run.list_values(name)) for name, figure in FIGURES.items()),
    )
    return "\n".join(
        [conditions, "", "![Lines over time: memory, file descriptors, latency and CPU](soak.svg)", "", *table]
    )


def _make_row(figure: Figure, values: Sequence[float]) -> list[str]:
    found = (min(values), statistics.median(values), max(values))
    return [f"{figure.title} ({figure.unit})", *map(figure.format, found)]


def main(arguments: Sequence[str]) -> int:
    """Run, write the results, and report growth; return 1 if a figure has grown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=15.0)
    minutes = parser.parse_args(arguments).minutes
    if minutes < LEAST_MINUTES:
        parser.error(f"--minutes (MINUTES) must be at least {LEAST_MINUTES}")
    measure(minutes).write()
    run = SoakRun.read()  # rounded, as in the plot
    section = make_section(run)
    update("soak", section, PAGE, "make soak")
    grown = run.find_growth()
    sys.stdout.write(section + "\n")
    sys.stdout.writelines(f"grown: {line}\n" for line in grown)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
