"""`make put` and `make tail`: write an item to the running stack, and show its events."""

import json
import random
from datetime import datetime
from functools import partial

from rich.console import Console

from local.application.feature_tables import KEYS, USERS
from local.commands import command
from local.commands.background import use_running
from local.demo.event_table import EventTable
from local.demo.events import EventReader, ReceivedEvent, Unreadable
from local.demo.feature_writes import make_features, make_item

ENTITY, CATEGORY, FEATURE = "u-1", "spending", "txn_count_30d"
BAD_CATEGORY, BAD_FEATURE = "payments", "failed_payments_30d"
MAXIMUM = 1_000_000
BAD = """\
Its features.data is JSON text instead of a map. The default layout cannot read that, so the record is dead-lettered:
`make redrive` prints the reason."""


def put(console: Console, *, is_bad: bool) -> int:
    """Write an item with a random value. DynamoDB writes no stream record if an item does not change."""
    value = random.SystemRandom().randrange(MAXIMUM)
    category, name = (BAD_CATEGORY, BAD_FEATURE) if is_bad else (CATEGORY, FEATURE)
    features = make_features({name: value}, "by-hand")
    if is_bad:
        features["data"] = json.dumps(features["data"])
    with use_running() as stack:
        stack.clients.tables.Table(USERS).put_item(Item=make_item(USERS, ENTITY, category, features))
    console.print(f"wrote to {USERS}: {KEYS[USERS][0]} {ENTITY}, {category}: {name} = {value}", highlight=False)
    if is_bad:
        console.print(BAD, highlight=False, soft_wrap=True)
    return 0


def tail(console: Console) -> int:
    """Print the events in the topic and new events as they arrive, until Ctrl-C."""
    with use_running() as stack, EventReader(stack) as reader:
        table = EventTable(console, "from the event's timestamp until it was read")
        try:
            while True:
                message = reader.poll(0.5)
                if message is None:
                    stack.check()
                elif isinstance(message, Unreadable):
                    table.add_unreadable(message)
                else:
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
    parser = command.make_parser("Write an item with a new value to the local stack.")
    parser.add_argument("--bad", action="store_true", help="write an item that the default layout cannot read")
    command.run(partial(put, is_bad=parser.parse_args().bad))


def main_tail() -> None:
    """Run `make tail`."""
    command.run(tail)
