"""docs/decisions.md has an index, and the tests that it names exist."""

import re

from local.paths import ROOT
from tests.docs.pages import read_headings

PAGE = ROOT / "docs" / "decisions.md"
TEXT = PAGE.read_text()


def test_index__links_each_decision() -> None:
    """The index links every decision, and nothing else."""
    decisions = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert len(links) == len(decisions)
    assert len(set(links)) == len(links)
    assert set(links) <= read_headings(PAGE)


def test_named_tests__exist() -> None:
    """A test that shows when to revisit a decision exists under that name."""
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", TEXT)
    assert named
    assert [name for name in named if f"def {name}(" not in code] == []


def test_named_files__exist() -> None:
    """A file that a decision names exists, apart from build outputs."""
    files = set(re.findall(r"`((?:tests|schemas|src)/[\w./]+)`", TEXT))
    assert [file for file in files if not (ROOT / file).exists()] == []
