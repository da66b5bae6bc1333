"""docs/promises.md shows what was reported, and which parts were not run."""

import json
from pathlib import Path

from tests.simulation.prove import (
    BEGIN,
    END,
    PAGE,
    PROMISES,
    Run,
    read_figures,
    read_run,
    replace_section,
    to_section,
)

REPORTED = (
    ("machine", "9 histories"),
    ("sockets", "7"),
    ("mutants", "I1"),
    ("mutants", "I2"),
    ("mutants", "I2"),
    ("wire", "no broker"),
    ("brokers", "a"),
    ("brokers", "b"),
)


def to_run(file: Path) -> Run:
    """Return a run in which the parts reported these figures."""
    lines = [json.dumps({"promise": part, "figures": figures}) for part, figures in REPORTED]
    file.write_text("\n".join(lines) + "\n")
    return Run("abc1234", "2026-11-24", 12, 4711, read_figures(file))


def test_to_section__has_the_reported_figures(tmp_path: Path) -> None:
    """Every row has its promise, its test and the figures of its parts."""
    section = to_section(to_run(tmp_path / "figures"))
    assert "on 2026-11-24, from commit abc1234, in 12 minutes" in section
    assert "9 histories<br>1 histories with the real producer on sockets<br>a<br>b |" in section
    assert "3 mutants, each found by its own of 2 invariants" in section
    assert "0 requests after the return under 1 faults (no broker)" in section
    assert section.count("not run") == 3
    assert all(each.promise in section and each.test in section for each in PROMISES)


def test_to_section__does_not_contain_the_seed(tmp_path: Path) -> None:
    """The seed is only in the file to which the text links."""
    assert "4711" not in to_section(to_run(tmp_path / "figures"))


def test_page__has_the_results_of_the_last_run() -> None:
    """The table of docs/promises.md has figures in each row, and is what this version would write."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    section, _, _ = rest.partition(END)
    assert section == to_section(read_run())
    assert "not run" not in section


def test_replace_section__preserves_the_rest() -> None:
    """Replacing the section twice has the same result as once."""
    text = f"before\n{BEGIN}old\n{END}after\n"
    once = replace_section(text, "new\n")
    assert once == replace_section(once, "new\n") == f"before\n{BEGIN}new\n{END}after\n"
