"""`make pause`: suspend Kafka of the local stack for some time, so that an outage can be watched.

Connections stay open, but requests get no response. Kafka is always resumed: after the time, on Ctrl-C, and if this
command is killed.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from local.application.deployment import find_deployment
from local.commands import command
from local.commands.background import use_running
from local.errors import LocalError
from local.servers.aws_clients import AwsClients
from local.servers.stack import RunningStack

SHORTEST, DEFAULT, LONGEST = 1, 60, 600
"""Limits of the pause in seconds."""
POLL_SECONDS = 0.5
SHOWN_LEVELS = ("WARNING", "ERROR", "CRITICAL")


def pause(console: Console, seconds: int) -> int:
    """Suspend Kafka, and print the function's warnings and errors meanwhile."""
    with use_running() as stack, stack:
        if any(broker.is_suspended() for broker in stack.brokers):
            raise LocalError("Kafka is already paused")
        log = FunctionLog(stack.clients, find_deployment(stack).function)
        start = time.monotonic()
        with ExitStack() as suspended:
            for broker in stack.brokers:
                suspended.enter_context(stack.processes.suspend(broker))
            console.print(f"paused Kafka for {seconds} s; write items with `make put`, or press Ctrl-C to resume it")
            with suppress(KeyboardInterrupt):  # the same as the end of the time
                _wait(console, stack, log, start + seconds)
        stack.check()
        console.print(
            f"Kafka runs again after {time.monotonic() - start:.0f} s; the next retry delivers what has waited"
        )
    return 0


def _wait(console: Console, stack: RunningStack, log: "FunctionLog", end: float) -> None:
    columns = (TextColumn("  Kafka is paused"), BarColumn(), TimeRemainingColumn())
    start = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=end - start)
        while (now := time.monotonic()) < end:
            stack.check()
            for line in log.read():
                progress.console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
            progress.update(task, completed=now - start)
            time.sleep(min(POLL_SECONDS, end - now))


class FunctionLog:
    """The warnings and errors that the function logs from now on."""

    def __init__(self, clients: AwsClients, function: str) -> None:
        self._logs = clients.logs
        self._group = f"/aws/lambda/{function}"
        self._from_ms = round(time.time() * 1000)
        self._seen = 0

    def read(self) -> Iterator[str]:
        """Yield the lines that are new since the last call."""
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=self._group, startTime=self._from_ms
            )
            events = [event for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return  # the function was never invoked
        new, self._seen = events[self._seen :], len(events)
        for event in new:
            for line in event["message"].splitlines():
                if (text := describe(line)) is not None:
                    yield text


def describe(line: str) -> str | None:
    """Return a warning, an error or an undelivered batch in the function's log as plain text; None for other lines."""
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or "message" not in entry:
        return None
    if entry.get("undelivered"):
        return (
            f"{entry['table']}: {entry['undelivered']} of {entry['records']} records undelivered; Lambda retries them"
        )
    if entry.get("level") not in SHOWN_LEVELS:
        return None
    return ": ".join(str(entry[name]) for name in ("level", "message", "code", "meaning", "reason") if entry.get(name))


def main() -> None:
    """Run `make pause`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--seconds", type=int, default=DEFAULT, help=f"from {SHORTEST} to {LONGEST}")
    seconds = parser.parse_args().seconds
    if not SHORTEST <= seconds <= LONGEST:
        parser.error(f"SECONDS must be from {SHORTEST} to {LONGEST}")
    command.run(partial(pause, seconds=seconds))
