"""Print the results of the demo: counts, latencies, and the differences from the expected events.

The function's metrics confirm that skipped records were skipped by design.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.demo.comparison import Arrivals, Comparison, find_percentile
from local.demo.feature_writes import FeatureWrite
from local.servers.aws_clients import AwsClients

LOG_TAIL = 25
SHOWN = 10


def read_function_log(clients: AwsClients, function: str) -> list[str]:
    """Return the function's log lines from CloudWatch Logs, oldest first, or none if it was never invoked."""
    try:
        pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        events = [event for page in pages for event in page["events"]]
    except clients.logs.exceptions.ResourceNotFoundException:
        return []
    return [line for event in events for line in event["message"].splitlines()]


def count_skipped(lines: Iterable[str]) -> Counter[str]:
    """Count skipped records by reason, from the metrics in the function's log."""
    skipped: Counter[str] = Counter()
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "_aws" in entry and "RecordsSkipped" in entry:
            value = entry["RecordsSkipped"]
            skipped[str(entry.get("reason"))] += int(sum(value) if isinstance(value, list) else value)
    return +skipped  # without the zeros


def show_summary(console: Console, writes: Sequence[FeatureWrite], arrivals: Arrivals, skipped: Counter[str]) -> None:
    """Print counts and latencies. `skipped` is the function's count of skipped records by reason."""
    requests = Counter(write.operation for write in writes)
    expected = sum(len(write.events) for write in writes)
    without_event = sum((Counter(write.skipped) for write in writes), Counter[str]())
    rows = {
        # No space after a number, because a narrow terminal would break the line there
        "requests sent": f"{len(writes)}: "
        + ", ".join(f"{count}\N{MULTIPLICATION SIGN}{name}" for name, count in requests.items()),
        "items changed": f"{expected + without_event.total()}: {without_event.total()} produce no event by design",
        "events expected": str(expected),
        "events received": f"{len(arrivals.events)}, plus {len(arrivals.duplicates)} duplicates",
        "records skipped": "\n".join(
            f"{reason} {count} (function's metrics: {skipped[reason]})" for reason, count in without_event.items()
        ),
    }
    if arrivals.latencies[1:]:
        first, *rest = arrivals.latencies
        p50, p99 = (find_percentile(rest, percent) for percent in (50, 99))
        rows["write to read"] = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        rows["cold start"] = f"{first:.0f} ms from the first write to its event"
    summary = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for name, text in rows.items():
        summary.add_row(f"[bold]{name}[/]", escape(text))
    console.print()
    console.print(summary)


def show_difference(console: Console, comparison: Comparison, log: Sequence[str]) -> None:
    """Print the missing and unexpected events, and the end of the function's log."""
    for title, events in (("missing", comparison.missing), ("unexpected", comparison.unexpected)):
        for event in events[:SHOWN]:
            names = ", ".join(sorted(event.features))
            text = f"{' '.join(event.subject)}: {names}; compute id {event.compute_id or '-'}"
            console.print(f"[red]{title:10}[/] {escape(text)}", highlight=False, soft_wrap=True)
        if len(events) > SHOWN:
            console.print(f"[red]{title:10}[/] and {len(events) - SHOWN} more", highlight=False)
    console.print("\nThe function's log ends with:" if log else "\nThe function was never invoked.")
    for line in log[-LOG_TAIL:]:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
