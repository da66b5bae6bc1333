"""`make down`: the stack in the background stopped, and its data removed."""

import shutil

from rich.console import Console

from local.commands import command
from local.commands.exclusive import hold
from local.paths import DEFAULT_STACK
from local.servers.stack import end_recorded


def down(console: Console) -> int:
    """Ends the stack and removes its data."""
    with hold("make down"):
        was_up = end_recorded(DEFAULT_STACK)
        shutil.rmtree(DEFAULT_STACK, ignore_errors=True)
    console.print("the local stack is stopped" if was_up else "no local stack is up")
    return 0


def main() -> None:
    """Runs the command."""
    command.run(down)
