"""`make put` and `make tail`: write an item to the running stack, and show its events."""

import random
from datetime import datetime

from rich.console import Console

from local.application.feature_tables import KEYS, USERS
from local.commands import command
from local.commands.background import find_running
from local.demo.event_table import EventTable
from local.demo.events import EventReader, ReceivedEvent, Unreadable
from local.demo.feature_writes import make_features, make_item

ENTITY, CATEGORY, FEATURE = "u-1", "spending", "txn_count_30d"
MAXIMUM = 1_000_000


def put(console: Console) -> int:
    """Write the item with a random value. DynamoDB writes no stream record if an item does not change."""
    stack = find_running()
    value = random.SystemRandom().randrange(MAXIMUM)
    item = make_item(USERS, ENTITY, CATEGORY, make_features({FEATURE: value}, "by-hand"))
    stack.clients.tables.Table(USERS).put_item(Item=item)
    console.print(f"wrote to {USERS}: {KEYS[USERS][0]} {ENTITY}, {CATEGORY}: {FEATURE} = {value}")
    return 0


def tail(console: Console) -> int:
    """Print the events in the topic and new events as they arrive, until Ctrl-C."""
    stack = find_running()
    with EventReader(stack) as reader:
        table = EventTable(console, "from the event's timestamp until it was read")
        try:
            while True:
                message = reader.poll(0.5)
                if isinstance(message, Unreadable):
                    table.add_unreadable(message)
                elif message is not None:
                    table.add(message, _measure_age(message))
        except KeyboardInterrupt:
            return 0


def _measure_age(event: ReceivedEvent) -> float | None:
    """Return the milliseconds between the event's timestamp and its reading, or None for an invalid timestamp."""
    try:
        return (event.read_at - datetime.fromisoformat(event.timestamp).timestamp()) * 1000
    except ValueError:
        return None


def main_put() -> None:
    """Run `make put`."""
    command.run(put)


def main_tail() -> None:
    """Run `make tail`."""
    command.run(tail)
