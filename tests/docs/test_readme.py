"""README's tables and commands are the code's: nothing is missing there, and nothing is there that does not exist."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from feature_events.errors import Misconfigured
from feature_events.metrics import METRICS
from feature_events.records.change import Skipped
from feature_events.settings.settings import Settings, read_settings
from local.paths import ROOT
from tests.support.sample_events import read_expected

README = (ROOT / "README.md").read_text()


def read_table(heading: str, text: str = README) -> dict[str, list[str]]:
    """The table whose first column has this heading: first cell, without its markup -> the other cells."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise AssertionError(f"no table of {heading}")
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
        if others:  # the line under the headings has no spaces to split at
            rows[re.sub(r"^\[(.*)\]\(.*\)$", r"\1", first).strip("`")] = others
    return rows


class Recorder(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_settings__are_the_codes() -> None:
    """Every setting that the function reads is in the table, and no other."""
    environ = Recorder()
    with pytest.raises(Misconfigured):
        read_settings(environ)
    assert set(read_table("setting")) == environ.asked
    assert len(environ.asked) == len(Settings._fields)


def test_settings__have_the_defaults_that_are_told() -> None:
    """A default in the table is what the function takes when nothing is given."""
    given = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}
    plain = read_settings(given)
    for name, (default, _) in read_table("setting").items():
        if default.startswith("`"):
            assert read_settings({**given, name: default.strip("`")}) == plain, name


def test_metrics__are_the_codes() -> None:
    """Every metric is in the table with its unit, its dimensions and its meaning, and no other."""
    assert read_table("metric") == {
        name: [unit.value, " and ".join(f"{{{', '.join(each)}}}" for each in dimensions), meaning]
        for name, (unit, dimensions, meaning) in METRICS.items()
    }


def test_skip_reasons__are_the_codes() -> None:
    """Every reason is in the table, and no other."""
    assert set(read_table("reason")) == set(Skipped)


def test_events__are_all_there() -> None:
    """Every sample event is in the table with what it is about; that its answer is so, is tested with the answer."""
    told = {name: what for name, (what, *_) in read_table("event").items()}
    assert told == {name: row["what"] for name, row in read_expected().items()}


DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("document", "needed"),
    [
        ("README.md", {"demo", "test"}),
        ("CONTRIBUTING.md", {"check", "lint", "test"}),
        ("docs/consuming.md", {"consume", "demo"}),
    ],
)
def test_commands__exist(document: str, needed: set[str]) -> None:
    """Every `make` command in the text is one of the Makefile's."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / document).read_text(), re.MULTILINE))
    assert needed <= named
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links__lead_somewhere(document: Path) -> None:
    """Every link to a file leads to one."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
