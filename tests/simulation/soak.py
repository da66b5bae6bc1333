"""`make soak`: run the function at a constant rate and measure memory, open files and latency.

One execution environment sends to a real broker. A leak that is visible after 15 minutes would stop an environment that
Lambda keeps for hours.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from local.servers.kafka import Kafka
from local.servers.topic import create_topic
from tests.support.function_process import FunctionProcess
from tests.support.records import to_item, to_record

BATCH = 100
BATCHES_PER_SECOND = 10
WINDOW_SECONDS = 2.0
TOPIC = "soak"

LIMITS = {"memory, MB": (1.05, 4.0), "open files": (1.0, 2.0), "latency, median ms": (1.5, 5.0)}
"""The allowed growth of each figure, as a factor and an amount.

The last quarter of the run is compared with the second, because caches and pools fill during the first.
"""

WIDTH, HEIGHT, MARGIN = 900, 160, 50


class Window(NamedTuple):
    """The figures of WINDOW_SECONDS; after `at`, the fields have the order of LIMITS."""

    at: float
    megabytes: float
    files: float
    milliseconds: float


def watch(function: FunctionProcess, seconds: float) -> list[Window]:
    """Invoke the function at the rate for this time."""
    item = to_item(tuple(f"feature_{number}" for number in range(20)))
    windows: list[Window] = []
    latencies: list[float] = []
    begun = time.monotonic()
    number = invocations = 0
    while (now := time.monotonic() - begun) < seconds:
        records = [to_record(number + place, entity=f"user-{place}", item=item) for place in range(BATCH)]
        number += BATCH
        sent = time.perf_counter()
        answer = function.invoke(records)
        latencies.append((time.perf_counter() - sent) * 1000)
        if answer != {"batchItemFailures": []}:
            raise SystemExit(f"after {now:.0f} s the function answered {answer}")
        if now >= WINDOW_SECONDS * (len(windows) + 1):
            windows.append(Window(now, function.read_megabytes(), function.count_files(), statistics.median(latencies)))
            latencies.clear()
        invocations += 1
        time.sleep(max(0.0, begun + invocations / BATCHES_PER_SECOND - time.monotonic()))
    return windows


def find_growth(windows: Sequence[Window]) -> list[str]:
    """Return the figures whose growth from the second quarter to the last exceeds the limit."""
    quarter = len(windows) // 4
    grown = []
    for place, (name, (factor, amount)) in enumerate(LIMITS.items(), start=1):
        before = statistics.median(window[place] for window in windows[quarter : 2 * quarter])
        after = statistics.median(window[place] for window in windows[-quarter:])
        if after > before * factor + amount:
            grown.append(f"{name}: {before:.1f} to {after:.1f}")
    return grown


def to_plot(windows: Sequence[Window]) -> str:
    """Plot the figures over time, as SVG."""
    parts = []
    for place, name in enumerate(LIMITS, start=1):
        values = [window[place] for window in windows]
        top = max(values) * 1.2
        to_x = _scale(windows[-1].at, MARGIN, WIDTH - 10)
        to_y = _scale(top, place * HEIGHT - 20, (place - 1) * HEIGHT + 10)
        points = " ".join(f"{to_x(window.at):.1f},{to_y(window[place]):.1f}" for window in windows)
        parts.append(
            f'<text x="{MARGIN}" y="{(place - 1) * HEIGHT + 14}">{name}</text>'
            f'<text x="4" y="{to_y(max(values)) + 4:.1f}">{max(values):.1f}</text>'
            f'<text x="4" y="{to_y(0):.1f}">0</text>'
            f'<path d="M{MARGIN} {to_y(0):.1f}H{WIDTH - 10}" stroke="#999"/>'
            f'<polyline points="{points}" fill="none" stroke="#06c"/>'
        )
    height = HEIGHT * len(LIMITS) + 20
    parts.append(f'<text x="{WIDTH - 80}" y="{height - 6}">{windows[-1].at:.0f} s</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _scale(most: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (end - start) * value / (most or 1)


def main(arguments: Sequence[str]) -> int:
    """Run, plot, and report growth; return 1 if a figure has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--plot", type=Path, default=Path("docs/soak.svg"))
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory, Kafka(Path(directory)) as kafka:
        create_topic(kafka.bootstrap, TOPIC)
        environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "TOPIC_NAME": TOPIC, "SCHEMA_ID": "7"}
        with FunctionProcess(environ) as function:
            windows = watch(function, options.minutes * 60)
    options.plot.write_text(to_plot(windows))
    grown = find_growth(windows)
    last = windows[-1]
    sys.stdout.write(
        f"{options.minutes:g} minutes, {BATCH * BATCHES_PER_SECOND} events a second: {last.megabytes:.1f} MB, "
        f"{last.files:.0f} files, {last.milliseconds:.1f} ms at the end; plotted in {options.plot}\n"
    )
    sys.stdout.writelines(f"grown: {line}\n" for line in grown)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
