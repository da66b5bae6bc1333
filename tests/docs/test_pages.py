"""Links and make commands of all pages lead to something that exists."""

import re
from pathlib import Path

import pytest

from local.paths import ROOT
from tests.docs.pages import PAGES, read_headings, read_links

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@each_page
def test_links__lead_somewhere(page: Path) -> None:
    """Every link leads to a file, and to a heading in it if it names one."""
    for path, heading in read_links(page):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        assert not heading or heading in read_headings(target), f"{path}#{heading}"


@each_page
def test_make_commands__exist(page: Path) -> None:
    """Every make command is a target of the Makefile."""
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("README.md", {"demo", "test"}),
        ("CONTRIBUTING.md", {"check", "lint", "test"}),
        ("docs/consuming.md", {"consume", "demo"}),
        ("docs/events.md", {"invoke", "layout"}),
    ],
)
def test_make_commands__include_the_essential_ones(name: str, needed: set[str]) -> None:
    """Each page shows the commands that its readers need."""
    assert needed <= set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_help__describes_each_target() -> None:
    """`make` lists every target that a developer runs, with a description."""
    described = re.findall(r"^([a-z-]+):[^#\n]*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(described) == TARGETS
