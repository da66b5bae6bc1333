"""Write the table of the drills in docs/runbook.md: `make drills`."""

import logging
from collections.abc import Mapping

from local.paths import ROOT
from tests.template.drills.drills import DRILLS, OF_SECOND, Firing, play

DOCUMENT = ROOT / "docs" / "runbook.md"
BEGIN, END = "<!-- drills: written by `make drills` -->", "<!-- end of drills -->"


def to_table() -> str:
    """Play every drill, and return a table with a row for each."""
    rows = [f"| {drill.words} | {to_cell(play(drill))} |" for drill in DRILLS]
    return "\n".join(["| drill | alarms that fire, and after how long |", "|---|---|", *rows])


def to_cell(firings: Mapping[str, Firing]) -> str:
    """Return the alarms in the order in which they fire, those that depend on assumptions in brackets.

    Alarms of the other table are omitted.
    """
    cells = []
    for name, each in sorted(firings.items(), key=lambda item: (not item[1].is_certain, item[1].latest)):
        minutes = f"{each.earliest}" if each.earliest == each.latest else f"{each.earliest} to {each.latest}"
        if OF_SECOND not in name:
            cells.append(f"{name} {minutes} min" if each.is_certain else f"({name} {minutes} min)")
    return ", ".join(cells) or "none"


def read_table() -> str:
    """Return the table in the document."""
    return DOCUMENT.read_text().partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]


def main() -> None:
    """Write the table."""
    logging.disable(logging.WARNING)  # SAM's translator warns that it cannot send metrics
    written = f"{BEGIN}\n{read_table()}\n{END}"
    DOCUMENT.write_text(DOCUMENT.read_text().replace(written, f"{BEGIN}\n{to_table()}\n{END}"))


if __name__ == "__main__":
    main()
