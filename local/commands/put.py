"""`make put`: one item written to the stack that is up, as a feature team writes it."""

import random

from rich.console import Console

from local.application.feature_tables import KEYS, USERS
from local.commands import command
from local.commands.running_stack import find_running
from local.demo.feature_writes import to_features, to_item

ENTITY, CATEGORY, FEATURE = "u-1", "spending", "txn_count_30d"
MOST = 1_000_000


def put(console: Console) -> int:
    """Writes the item with another value each time: what changes nothing gives no stream record, and so no event."""
    stack = find_running()
    value = random.SystemRandom().randrange(MOST)
    item = to_item(USERS, ENTITY, CATEGORY, to_features({FEATURE: value}, "by-hand"))
    stack.clients.tables.Table(USERS).put_item(Item=item)
    console.print(f"written to {USERS}: {KEYS[USERS][0]} {ENTITY}, {CATEGORY}: {FEATURE} = {value}")
    return 0


def main() -> None:
    """Runs the command."""
    command.run(put)
