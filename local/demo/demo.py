"""`make demo`: table writes become Kafka events, live, against real servers on this machine.

It is also a test: it ends well only if exactly the events came that the writes had to give.
"""

import argparse
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.commands import command, deployment
from local.commands.exclusive import hold
from local.commands.running_stack import set_up, show_addresses
from local.demo.event_table import EventTable
from local.demo.events import EventReader, Unreadable
from local.demo.feature_writes import FeatureWrite, Subject, plan_writes
from local.demo.function_log import count_skipped, read_function_log
from local.demo.verdict import Arrivals, Verdict, to_percentile, to_verdict
from local.errors import LocalError
from local.paths import DEFAULT_STACK
from local.servers.aws_clients import AwsClients
from local.servers.stack import RunningStack, Stack
from local.steps import Steps

WAIT = 45.0
"""Seconds within which all events must come."""
LINGER = 1.0
"""Seconds of waiting after the last expected event, for events that nobody expects."""
LOG_TAIL = 25
SHOWN = 10


class Writer(threading.Thread):
    """Sends the writes, and notes when each was sent: the reader reads meanwhile, as it would in production.

    After the first it waits for `started`, so that the function's cold start shows in one write and not in all.
    """

    def __init__(self, clients: AwsClients, writes: Sequence[FeatureWrite]) -> None:
        super().__init__(name="writer", daemon=True)
        self.sent: defaultdict[Subject, list[float]] = defaultdict(list)
        self.started = threading.Event()
        self.problem: Exception | None = None
        self._tables = clients.tables
        self._writes = writes

    def run(self) -> None:
        """Sends one write after the other."""
        try:
            for write in self._writes:
                now = time.time()
                for event in write.events:
                    self.sent[event.subject].append(now)
                write.send(self._tables)
                self.started.wait(WAIT)
        except Exception as error:  # noqa: BLE001 -- told by the thread that waits
            self.problem = error


def demo(console: Console, *, is_kept: bool) -> int:
    """Starts, deploys, writes, reads and compares; 0 if exactly the expected events came."""
    start = time.monotonic()
    with hold("make demo KEEP=1") if is_kept else nullcontext(), Steps(console) as steps:
        if is_kept and RunningStack.find(DEFAULT_STACK, steps):
            raise LocalError("a local stack is up already: stop it first with `make down`")
        beside = [deployment.build]
        with Stack(DEFAULT_STACK if is_kept else None, steps, beside) as stack:
            deployed = set_up(stack)
            writes = plan_writes()
            arrivals = _write_and_read(console, stack, writes)
            log = read_function_log(stack.clients, deployed.function)
            verdict = to_verdict([event for write in writes for event in write.events], arrivals.events)
            _show_summary(console, writes, arrivals, count_skipped(log))
            if not verdict.is_good:
                _show_difference(console, verdict, log)
                raise LocalError("the events that came are not those that the writes had to give")
            if is_kept:
                stack.detach()
    console.print(f"\n[bold green]exactly the expected events came[/], in {time.monotonic() - start:.1f} s in all")
    if is_kept:
        show_addresses(console)
    return 0


def _write_and_read(console: Console, stack: Stack, writes: Sequence[FeatureWrite]) -> Arrivals:
    writer = Writer(stack.clients, writes)
    arrivals = Arrivals(writer.sent)
    expected = sum(len(write.events) for write in writes)
    with stack.attend(lambda: EventReader(stack.kafka, stack.registry)) as reader:
        console.print()
        table = EventTable(console, "from the write's sending to the event's reading")
        writer.start()
        end = time.monotonic() + WAIT
        is_complete = False
        while time.monotonic() < end:
            stack.check()
            message = reader.poll(0.1)
            if isinstance(message, Unreadable):
                table.add_unreadable(message)
                raise LocalError("a message in the topic is no FeatureAvailabilityEvent")
            if message is not None:
                table.add(message, arrivals.add(message))
                writer.started.set()
            if not is_complete and len(arrivals.events) >= expected:
                is_complete = True
                end = time.monotonic() + LINGER
            if writer.problem is not None:
                stack.check()
                raise LocalError(f"a write failed: {writer.problem}") from writer.problem
    writer.started.set()
    writer.join()
    return arrivals


def _show_summary(console: Console, writes: Sequence[FeatureWrite], arrivals: Arrivals, skipped: Counter[str]) -> None:
    requests = Counter(write.operation for write in writes)
    expected = sum(len(write.events) for write in writes)
    unseen = sum((Counter(write.without_event) for write in writes), Counter[str]())
    changes = expected + unseen.total()
    rows = {
        "requests sent": f"{len(writes)}: " + ", ".join(f"{count} {name}" for name, count in requests.items()),
        "items changed": f"{changes}, of which {unseen.total()} give no event",
        "events expected": str(expected),
        "events received": f"{len(arrivals.events)}, and {len(arrivals.duplicates)} duplicates by event_id",
        "without an event": "; ".join(
            f"{reason} {count} ({_to_source(reason, skipped)})" for reason, count in unseen.items()
        ),
    }
    if arrivals.waits[1:]:
        first, *rest = arrivals.waits
        p50, p99 = (to_percentile(rest, percent) for percent in (50, 99))
        rows["write to read"] = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms; the first, with the cold start, {first:.0f} ms"
    summary = Table(box=None, show_header=False, padding=(0, 1))
    for name, text in rows.items():
        summary.add_row(f"[bold]{name}[/]", escape(text))
    console.print()
    console.print(summary)


def _to_source(reason: str, skipped: Counter[str]) -> str:
    """Where the count of a reason is known from: the function counts what reaches it, the filter drops the rest."""
    if reason in skipped:
        return f"the function's metrics say {skipped[reason]}"
    if reason == "remove":
        return "dropped by the mapping's filter; counted from the writes"
    return "counted from the writes; not in the function's metrics"


def _show_difference(console: Console, verdict: Verdict, log: Sequence[str]) -> None:
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


def main() -> None:
    """Reads the command line and runs the demo."""
    parser = argparse.ArgumentParser(prog="make demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave the stack up afterwards")
    command.run(partial(demo, is_kept=parser.parse_args().keep))
