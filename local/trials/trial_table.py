"""Print trials: a table of the records, and a table of the layouts with their number of records.

Names and ids are printed, but no values of features. Long cells are wrapped, not truncated.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.layouts.table_layout import TableLayout
from local.trials.trial import Trial

COLUMNS = ("record", "layout", "entity", "resource", "features", "timestamp", "compute id")
STYLES = ("dim", "bold", "cyan", "magenta", "green", "dim", "yellow")
FEATURES = COLUMNS.index("features")
NARROW = 100
"""The terminal width below which times are wrapped."""
SHARES = 6
"""The columns of entity, resource and compute id are at most this fraction of the terminal wide."""
OTHER_TIME = "* time of the change: the layout found no readable time in the item"


def show_trials(
    console: Console, trials: Sequence[Trial], layouts: Sequence[TableLayout], remarks: Iterable[str] = ()
) -> None:
    """Print the records, the remarks, the layouts and the totals."""
    rows = [_to_cells(number, trial, console.width) for number, trial in enumerate(trials, 1)]
    widths = _to_widths(rows, console.width)
    console.print(_to_row(COLUMNS, widths, ["bold"] * len(COLUMNS)))
    for trial, cells in zip(trials, rows, strict=True):
        console.print(_to_row(cells, widths, STYLES) if len(cells) == len(COLUMNS) else _to_line(cells, trial))
    if any(not trial.has_own_time for trial in trials):
        console.print(f"[dim]{OTHER_TIME}[/]", highlight=False)
    for number, remark in enumerate(remarks):
        if not number:
            console.print()
        console.print(_to_remark(remark))
    console.print()
    console.print(_to_layout_table(trials, layouts))
    console.print()
    console.print(_to_summary(trials), highlight=False)


def to_printable(text: str) -> str:
    """Escape the characters of an item's text that a terminal would interpret or cannot show."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def describe(layout: TableLayout) -> str:
    """Return which items a layout applies to: the table's name, its keys, and other attributes."""
    table = "any table" if layout.table.matches_all else layout.table.text
    keys = [f"{key.name.text} = {key.value.text}" for key in layout.keys]
    return f"{table}: " + ", ".join([*keys, *[f"{each.name} = {each.value.text}" for each in layout.attributes]])


def _to_cells(number: int, trial: Trial, width: int) -> list[str]:
    """Return the cells of a record. A record without an event has a reason instead of the event's cells."""
    place = [str(number), str(trial.layout or "-")]
    result = trial.result
    if not isinstance(result, FeatureAvailabilityEvent):
        return [*place, _to_reason(trial)]
    removal = [f"({trial.removal})"] if trial.removal else []
    time = result.timestamp if width >= NARROW else result.timestamp.replace("T", "T\n")
    return [
        *place,
        to_printable(f"{result.entity_type} {result.entity_id}"),
        to_printable(result.resource_name),
        to_printable(", ".join([*removal, *[name or '""' for name in result.features]])),
        time if trial.has_own_time else f"{time}*",
        to_printable(result.compute_id) or "-",
    ]


def _to_reason(trial: Trial) -> str:
    if isinstance(trial.result, PoisonRecord):
        return to_printable(f"dead-lettered: {trial.result}")
    if isinstance(trial.result, Exception):
        return to_printable(f"invocation fails: {trial.result}")
    return f"skipped: {trial.result}"


def _to_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of the columns: as wide as their texts up to a limit, and the rest for the features."""
    events = [COLUMNS, *[cells for cells in rows if len(cells) == len(COLUMNS)]]
    widths = [
        max(len(line) for cells in events for line in cells[column].split("\n")) for column in range(len(COLUMNS))
    ]
    shared = [column for column, name in enumerate(COLUMNS) if name in ("entity", "resource", "compute id")]
    for column in shared:
        widths[column] = min(widths[column], max(width // SHARES, len(COLUMNS[column])))
    others = sum(widths) - widths[FEATURES] + len(COLUMNS)
    widths[FEATURES] = max(width - others, len("features"))
    return widths


def _to_row(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> Table:
    row = Table.grid(padding=(0, 1, 0, 0))
    for width, style in zip(widths, styles, strict=True):
        row.add_column(width=width, style=style, overflow="fold")
    row.add_row(*[Text(cell) for cell in cells])
    return row


def _to_line(cells: Sequence[str], trial: Trial) -> Table:
    """Return the row of a record without an event, whose reason uses the whole width."""
    row = Table.grid(padding=(0, 1, 0, 0))
    for name, style in zip(COLUMNS[:2], STYLES[:2], strict=True):
        row.add_column(width=len(name), style=style)
    row.add_column(style="red" if isinstance(trial.result, Exception) else "yellow", overflow="fold")
    row.add_row(*[Text(cell) for cell in cells])
    return row


def _to_remark(text: str) -> Table:
    """Return a remark as an item of a list, which uses the whole width."""
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_column(width=1)
    row.add_column(overflow="fold")
    row.add_row("-", Text(to_printable(text)))
    return row


def _to_layout_table(trials: Sequence[Trial], layouts: Sequence[TableLayout]) -> Table:
    records = Counter(trial.layout for trial in trials)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("layout", style="bold")
    table.add_column("records", justify="right")
    table.add_column("applies to", overflow="fold")
    for number, layout in enumerate(layouts, 1):
        table.add_row(str(number), str(records[number]), Text(to_printable(describe(layout))))
    return table


def _to_summary(trials: Sequence[Trial]) -> str:
    results = [trial.result for trial in trials]
    events = sum(isinstance(result, FeatureAvailabilityEvent) for result in results)
    errors = sum(isinstance(result, Exception) for result in results)
    skipped = len(results) - events - errors
    summary = f"records {len(results)}: events {events}, skipped {skipped}, errors {errors}"
    return summary if events else f"{summary}\n[yellow]no record produced an event[/]"
