"""The table of the drills in docs/deploying.md; `make drills` writes it."""

from collections.abc import Mapping

from local.paths import ROOT
from tests.template.drills.drills import DRILLS, Drill, Rung, play, read_every_alarm

DOCUMENT = ROOT / "docs" / "deploying.md"
BEGIN, END = "<!-- drills: written by `make drills` -->", "<!-- end of drills -->"


def to_table(played: Mapping[Drill, Mapping[str, Rung]]) -> str:
    """A row for each drill."""
    rows = [f"| {drill.words} | {to_cell(rung)} |" for drill, rung in played.items()]
    return "\n".join(["| drill | alarms that ring, and after how many minutes |", "|---|---|", *rows])


def to_cell(rung: Mapping[str, Rung]) -> str:
    """The alarms that ring, the first first; in brackets those that depend on what AWS leaves open."""
    told = []
    for name, each in sorted(rung.items(), key=lambda item: (not item[1].is_sure, item[1].latest)):
        minutes = f"{each.earliest}" if each.earliest == each.latest else f"{each.earliest} to {each.latest}"
        told.append(f"{name} {minutes}" if each.is_sure else f"({name} {minutes})")
    return ", ".join(told) or "none"


def read_table() -> str:
    """The table that the document has."""
    return DOCUMENT.read_text().partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]


def main() -> None:
    """Plays every drill and writes the table."""
    alarms = read_every_alarm()
    table = to_table({drill: play(drill, alarms) for drill in DRILLS})
    written = f"{BEGIN}\n{read_table()}\n{END}"
    DOCUMENT.write_text(DOCUMENT.read_text().replace(written, f"{BEGIN}\n{table}\n{END}"))


if __name__ == "__main__":
    main()
