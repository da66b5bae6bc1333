"""`make tail`: the events of the stack that is up, as they come."""

from datetime import datetime

from rich.console import Console

from local.commands import command
from local.commands.running_stack import find_running
from local.demo.event_table import EventTable
from local.demo.events import EventReader, ReceivedEvent, Unreadable


def tail(console: Console) -> int:
    """Shows what is in the topic and what comes, until Ctrl-C."""
    stack = find_running()
    with EventReader(stack) as reader:
        table = EventTable(console, "from the time in the event to its reading")
        try:
            while True:
                message = reader.poll(0.5)
                if isinstance(message, Unreadable):
                    table.add_unreadable(message)
                elif message is not None:
                    table.add(message, _to_age(message))
        except KeyboardInterrupt:
            return 0


def _to_age(event: ReceivedEvent) -> float | None:
    """Milliseconds from the event's own time to its reading; None where that is no time."""
    try:
        return (event.read_at - datetime.fromisoformat(event.timestamp).timestamp()) * 1000
    except ValueError:
        return None


def main() -> None:
    """Runs the command."""
    command.run(tail)
