"""Events as lines of a table that grows as they come."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.events import ReceivedEvent, Unreadable

COLUMNS = (
    ("entity", "cyan", 20),
    ("resource", "magenta", 10),
    ("features", "green", None),
    ("compute id", "yellow", 10),
    ("at", "dim", 6),
    ("ms", "bold", 6),
)


class EventTable:
    """Prints a heading, and then each event in the same columns."""

    def __init__(self, console: Console, milliseconds: str) -> None:
        self._console = console
        heading = [f"[bold]{name}[/]" for name, _, _ in COLUMNS]
        console.print(self._to_row(*heading))
        console.print(f"[dim]  at: partition/offset; ms: {milliseconds}[/]", highlight=False)

    def add(self, event: ReceivedEvent, milliseconds: float | None) -> None:
        """Prints one event."""
        values = (
            f"{event.entity_type} {event.entity_id}",
            event.resource_name,
            ", ".join(event.features),
            event.compute_id or "-",
            f"{event.place.partition}/{event.place.offset}",
            "-" if milliseconds is None else f"{milliseconds:.0f}",
        )
        self._console.print(self._to_row(*map(escape, values)))

    def add_unreadable(self, message: Unreadable) -> None:
        """Prints that a message could not be read, and why."""
        at = f"{message.place.partition}/{message.place.offset}"
        self._console.print(f"[red]unreadable message at {at}: {escape(message.problem)}[/]", highlight=False)

    def _to_row(self, *values: str) -> Table:
        table = Table(box=None, show_header=False, expand=True, padding=(0, 1))
        for (name, style, width), value in zip(COLUMNS, values, strict=True):
            table.add_column(
                name,
                style=style,
                width=width,
                ratio=None if width else 1,
                justify="right" if value and name == "ms" else "left",
                overflow="ellipsis",
                no_wrap=True,
            )
        table.add_row(*values)
        return table
