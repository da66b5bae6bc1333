"""Write generated tables into the pages of docs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from local.paths import ROOT

DOCUMENT = ROOT / "docs" / "scale.md"


def make_table(titles: Sequence[str], rows: Iterable[Sequence[str]], alignment: str = "---") -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{alignment}" * len(titles) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def round_figure(number: float) -> str:
    """Format a number with two significant digits, because models and noisy measurements are not more precise."""
    return f"{float(f'{number:.2g}'):,.0f}"


def update(part: str, tables: str, document: Path = DOCUMENT, command: str = "make bench") -> None:
    """Write the tables of a part into the document, between its marks."""
    begin, end = _make_marks(part, command)
    before, _, rest = document.read_text().partition(begin)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{after}")


def read_tables(part: str, document: Path = DOCUMENT, command: str = "make bench") -> str:
    """Return the tables of a part from the document."""
    begin, end = _make_marks(part, command)
    _, _, rest = document.read_text().partition(begin)
    return rest.partition(end)[0].strip()


def _make_marks(part: str, command: str) -> tuple[str, str]:
    return f"<!-- {part}, made by {command}: begin -->", f"<!-- {part}, made by {command}: end -->"
