"""Read tables, commands, links and headings of the documentation pages."""

import re
from pathlib import Path

from local.paths import ROOT

README = ROOT / "README.md"
PAGES = [
    *[ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")],
    ROOT / "release" / "INSTALL.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples" / "consumers").glob("*/README.md")),
]
"""The pages that people read; docs/benchmarks is generated and has its own tests."""


def read_table(heading: str, text: str) -> dict[str, list[str]]:
    """Return the rows of the first table whose first column has this heading.

    Each row is its first cell, without markup, and the list of its other cells.
    """
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise AssertionError(f"no table with the heading {heading}")
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
        if others:  # the line below the headings has no spaces
            rows[re.sub(r"^\[(.*)\]\(.*\)$", r"\1", first).strip("`")] = others
    return rows


def read_commands(text: str) -> list[str]:
    """Return the lines of all shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def read_links(page: Path) -> list[tuple[str, str]]:
    """Return the links to files of the project, each as a path (empty for the page itself) and a heading or ''."""
    found = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)", page.read_text())
    return [(path, heading) for path, heading in found]


def read_headings(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
