"""What the demo says at its end: the figures of the run, and what differs from what was expected.

The function's own count stands beside ours, so that a record without an event is seen to be meant.
"""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.demo.feature_writes import FeatureWrite
from local.demo.verdict import Arrivals, Verdict, to_percentile

LOG_TAIL = 25
SHOWN = 10


def show_summary(console: Console, writes: Sequence[FeatureWrite], arrivals: Arrivals, skipped: Counter[str]) -> None:
    """Prints what was sent, what came and how long it took; `skipped` is the function's own count, by reason."""
    requests = Counter(write.operation for write in writes)
    expected = sum(len(write.events) for write in writes)
    unseen = sum((Counter(write.without_event) for write in writes), Counter[str]())
    changes = expected + unseen.total()
    rows = {
        # No blank behind a number: a narrow terminal breaks the line there
        "requests sent": f"{len(writes)}: "
        + ", ".join(f"{count}\N{MULTIPLICATION SIGN}{name}" for name, count in requests.items()),
        "items changed": f"{changes}, of which {unseen.total()} give no event",
        "events expected": str(expected),
        "events received": f"{len(arrivals.events)}, and {len(arrivals.duplicates)} duplicates by event_id",
        "without event": "\n".join(
            f"{reason} {count}: {_to_source(reason, skipped)}" for reason, count in unseen.items()
        ),
    }
    if arrivals.waits[1:]:
        first, *rest = arrivals.waits
        p50, p99 = (to_percentile(rest, percent) for percent in (50, 99))
        rows["write to read"] = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        rows["cold start"] = f"{first:.0f} ms from the first write to its event"
    summary = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for name, text in rows.items():
        summary.add_row(f"[bold]{name}[/]", escape(text))
    console.print()
    console.print(summary)


def _to_source(reason: str, skipped: Counter[str]) -> str:
    """Who else knows of a reason: the function counts what reaches it, and the mapping's filter drops the rest."""
    if reason in skipped:
        return f"the function's metrics say {skipped[reason]}"
    if reason == "remove":
        return "dropped by the mapping's filter"
    return "not in the function's metrics"


def show_difference(console: Console, verdict: Verdict, log: Sequence[str]) -> None:
    """Prints the events that are missing or unexpected, and the end of the function's log."""
    for title, events in (("missing", verdict.missing), ("unexpected", verdict.unexpected)):
        for event in events[:SHOWN]:
            names = ", ".join(sorted(event.features))
            told = f"{' '.join(event.subject)}: {names}; compute id {event.compute_id or '-'}"
            console.print(f"[red]{title:10}[/] {escape(told)}", highlight=False, soft_wrap=True)
        if len(events) > SHOWN:
            console.print(f"[red]{title:10}[/] and {len(events) - SHOWN} more", highlight=False)
    console.print("\nThe function's log ends with:" if log else "\nThe function wrote no log: it was not invoked.")
    for line in log[-LOG_TAIL:]:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
