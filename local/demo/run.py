"""Send the demo's writes and read their events concurrently, as in production.

A failure of a server or a write stops the run immediately, instead of being reported as missing events.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console

from local.demo.comparison import Arrivals
from local.demo.event_table import EventTable
from local.demo.events import EventReader, Unreadable
from local.demo.feature_writes import FeatureWrite, Subject
from local.errors import LocalError
from local.servers.aws_clients import AwsClients
from local.servers.stack import Stack

WAIT = 45.0
"""The number of seconds within which all events must arrive."""
LINGER = 1.0
"""The number of seconds to wait for unexpected events after the last expected one."""


class Writer(threading.Thread):
    """Sends the writes and records when each was sent.

    After the first write it waits for `started`, so that the function's cold start delays only one event.
    """

    def __init__(self, clients: AwsClients, writes: Sequence[FeatureWrite]) -> None:
        super().__init__(name="writer", daemon=True)
        self.sent: defaultdict[Subject, list[float]] = defaultdict(list)
        self.started = threading.Event()
        self.problem: Exception | None = None
        self._tables = clients.tables
        self._writes = writes

    def run(self) -> None:
        """Send the writes one by one."""
        try:
            for write in self._writes:
                now = time.time()
                for event in write.events:
                    self.sent[event.subject].append(now)
                write.send(self._tables)
                self.started.wait(WAIT)
        except Exception as error:  # noqa: BLE001 -- write_and_read raises it
            self.problem = error


def write_and_read(console: Console, stack: Stack, writes: Sequence[FeatureWrite]) -> Arrivals:
    """Send the writes, print their events as they arrive, and wait a little for unexpected ones.

    Raises:
        LocalError: a server exited, a write failed, or a message is not an event.

    """
    writer = Writer(stack.clients, writes)
    arrivals = Arrivals(writer.sent)
    expected = sum(len(write.events) for write in writes)
    with stack.run_with_checks(lambda: EventReader(stack)) as reader:
        console.print()
        table = EventTable(console, "from the write until its event was read")
        writer.start()
        end = time.monotonic() + WAIT
        is_complete = False
        while time.monotonic() < end:
            stack.check()
            message = reader.poll(0.1)
            if isinstance(message, Unreadable):
                table.add_unreadable(message)
                raise LocalError("a message in the topic is not a FeatureAvailabilityEvent")
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
