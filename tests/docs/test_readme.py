"""README.md is short, its commands exist, and it lists every skip reason and every page."""

import re
import shlex
import tomllib

from feature_events.records.change import Skipped
from local.paths import ROOT
from tests.docs.pages import README, read_commands, read_links, read_table
from tests.template.document import read_template

TEXT = README.read_text()
MOST_LINES = 180


def test_readme__is_short() -> None:
    """A reader sees what the project is, how to try it and how it fails; everything else is a link."""
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_skip_reasons__are_those_of_the_code() -> None:
    """The table lists every reason, and no other."""
    assert set(read_table("reason", TEXT)) == set(Skipped)


def test_pages__are_all_linked() -> None:
    """README links every page of docs."""
    linked = {path for path, _ in read_links(README)}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


def test_commands__deploy_with_names_that_exist() -> None:
    """The commands use an environment of samconfig.toml, and parameters of table.yaml."""
    commands = [part.strip() for line in read_commands(TEXT) for part in line.split("&&")]
    assert {each.split()[0] for each in commands} == {"make", "sam", "aws"}
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for command in commands:
        words = shlex.split(command)
        assert set(re.findall(r"--config-env (\S+)", command)) <= set(environments)
        if words[0] == "aws":
            assert (ROOT / words[words.index("--template-file") + 1]).is_file()
            overrides = words[words.index("--parameter-overrides") + 1 :]
            assert {each.partition("=")[0] for each in overrides} <= set(read_template("table.yaml")["Parameters"])


def test_demo__prints_what_the_page_shows() -> None:
    """The labels of the sample output are those of the demo."""
    (sample,) = [block for block in re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL) if "events received" in block]
    labels = re.findall(r"^((?:items|events) \w+)  ", sample, re.MULTILINE)
    labels += re.findall(r"(produce no event by design|plus|success: [a-z ]+)(?: |\n)", sample)
    code = "\n".join(path.read_text() for path in (ROOT / "local").rglob("*.py"))
    assert len(labels) == 6  # three rows, two phrases, the result
    assert [label for label in labels if label.removesuffix(" (") not in code] == []
