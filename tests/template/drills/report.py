"""The table of the drills in the guide; `make drills` writes it."""

import logging
from collections.abc import Mapping

from local.paths import ROOT
from tests.template.drills.drills import DRILLS, OF_SECOND, Drill, Rung, play

DOCUMENT = ROOT / "docs" / "runbook.md"
BEGIN, END = "<!-- drills: written by `make drills` -->", "<!-- end of drills -->"


def to_table(played: Mapping[Drill, Mapping[str, Rung]]) -> str:
    """Return a row for each drill."""
    rows = [f"| {drill.words} | {to_cell(rung)} |" for drill, rung in played.items()]
    return "\n".join(["| drill | alarms that ring, and after how long |", "|---|---|", *rows])


def to_cell(rung: Mapping[str, Rung]) -> str:
    """Return the alarms that ring, the first first; those in brackets depend on what AWS leaves open.

    The other table's alarms are left out: a test says when they ring.
    """
    cells = []
    for name, each in sorted(rung.items(), key=lambda item: (not item[1].is_sure, item[1].latest)):
        minutes = f"{each.earliest}" if each.earliest == each.latest else f"{each.earliest} to {each.latest}"
        if OF_SECOND not in name:
            cells.append(f"{name} {minutes} min" if each.is_sure else f"({name} {minutes} min)")
    return ", ".join(cells) or "none"


def read_table() -> str:
    """Return the table in the document."""
    return DOCUMENT.read_text().partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]


def main() -> None:
    """Play every drill and write the table."""
    logging.disable(logging.WARNING)  # SAM's translator warns about its own metrics
    table = to_table({drill: play(drill, drill.read_alarms()) for drill in DRILLS})
    written = f"{BEGIN}\n{read_table()}\n{END}"
    DOCUMENT.write_text(DOCUMENT.read_text().replace(written, f"{BEGIN}\n{table}\n{END}"))


if __name__ == "__main__":
    main()
