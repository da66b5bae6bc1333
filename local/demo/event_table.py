"""Print events as rows of a growing table.

A narrow terminal shows fewer columns. The entity, the resource and the features have priority.
"""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.demo.events import ReceivedEvent, Unreadable


class Column(NamedTuple):
    """One column. A width of None uses the remaining space, and `needs` is the smallest terminal that shows it."""

    name: str
    style: str
    width: int | None
    needs: int = 0


COLUMNS = (
    Column("entity", "cyan", 18),
    Column("resource", "magenta", 10),
    Column("features", "green", None),
    Column("compute id", "yellow", 10, needs=100),
    Column("at", "dim", 6, needs=90),
    Column("ms", "bold", 6),
)


GAP = 1


def shorten_names(names: Sequence[str], width: int) -> str:
    """Return the first names that fit into this width, and the number of the others."""
    for count in range(len(names), 1, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        text = ", ".join(names[:count]) + more
        if len(text) <= width:
            return text
    return names[0] + (f" +{len(names) - 1}" if names[1:] else "") if names else ""


class EventTable:
    """Prints a heading, and then each event in the same columns."""

    def __init__(self, console: Console, milliseconds: str) -> None:
        self._console = console
        self._shown = [column.needs <= console.width for column in COLUMNS]
        widths = [(column.width or 0) + GAP for column in compress(COLUMNS, self._shown)]
        self._room = console.width - sum(widths)
        console.print(self._make_row([f"[bold]{column.name}[/]" for column in COLUMNS]))
        legend = [f"ms: {milliseconds}"]
        if any(column.name == "at" for column in compress(COLUMNS, self._shown)):
            legend.insert(0, "at: partition/offset")
        console.print(f"[dim]{'; '.join(legend)}[/]", highlight=False)

    def add(self, event: ReceivedEvent, milliseconds: float | None) -> None:
        """Print one event."""
        values = (
            f"{event.entity_type} {event.entity_id}",
            event.resource_name,
            shorten_names(event.features, self._room) if event.event_type == "feature_available" else "(removed)",
            event.compute_id or "-",
            f"{event.position.partition}/{event.position.offset}",
            "-" if milliseconds is None else f"{milliseconds:.0f}",
        )
        self._console.print(self._make_row([escape(value) for value in values]))

    def add_unreadable(self, message: Unreadable) -> None:
        """Print why a message could not be read."""
        at = f"{message.position.partition}/{message.position.offset}"
        self._console.print(f"[red]unreadable message at {at}: {escape(message.problem)}[/]", highlight=False)

    def _make_row(self, values: Sequence[str]) -> Table:
        table = Table(box=None, show_header=False, expand=True, padding=(0, GAP, 0, 0))
        for column in compress(COLUMNS, self._shown):
            table.add_column(
                column.name,
                style=column.style,
                width=column.width,
                ratio=None if column.width else 1,
                justify="right" if column.name == "ms" else "left",
                overflow="ellipsis",
                no_wrap=True,
            )
        table.add_row(*compress(values, self._shown))
        return table
