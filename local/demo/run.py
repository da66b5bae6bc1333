"""The demo's run: the writes are sent, and their events are read meanwhile, as in production.

Whatever ends the run early is told at once, and not as events that are missing.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console

from local.demo.event_table import EventTable
from local.demo.events import EventReader, Unreadable
from local.demo.feature_writes import FeatureWrite, Subject
from local.demo.verdict import Arrivals
from local.errors import LocalError
from local.servers.aws_clients import AwsClients
from local.servers.stack import Stack

WAIT = 45.0
"""Seconds within which all events must come."""
LINGER = 1.0
"""Seconds of waiting after the last expected event, for events that nobody expects."""


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


def write_and_read(console: Console, stack: Stack, writes: Sequence[FeatureWrite]) -> Arrivals:
    """Sends the writes, prints their events as they come, and waits a little for some that nobody expects.

    Raises:
        LocalError: a server has ended, a write failed, or a message is no event.

    """
    writer = Writer(stack.clients, writes)
    arrivals = Arrivals(writer.sent)
    expected = sum(len(write.events) for write in writes)
    with stack.attend(lambda: EventReader(stack)) as reader:
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
