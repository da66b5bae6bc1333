"""CONTRIBUTING.md is one short page that names every module, and functions where it says they are."""

import ast
import re
import tomllib

from local.paths import ROOT

PACKAGE = ROOT / "src" / "feature_events"
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
MOST_LINES = 120
STEP = re.compile(r"^\| (\d+)\. [^|]+ \| `(\w+)` \| `([\w/]+\.py)` \|$", re.MULTILINE)


def test_page__is_short() -> None:
    """A newcomer reads it in a few minutes."""
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_modules__are_all_listed() -> None:
    """The table lists every module and package, and nothing that does not exist."""
    table = TEXT.split("| module | contents |")[1].split("\n\n")[0]
    named = re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))
    existing = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(named) == sorted(existing - {"__init__"})


def test_path__has_functions_that_exist() -> None:
    """The path of a record has at most ten numbered steps, each a function in another file."""
    steps = STEP.findall(TEXT)
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert 8 <= len(steps) <= 10
    assert len({file for _, _, file in steps}) == len(steps)
    for _, function, file in steps:
        defined = {
            node.name for node in ast.walk(ast.parse((PACKAGE / file).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert function in defined, file


def test_tests__are_all_listed() -> None:
    """The table lists every folder of tests."""
    table = TEXT.split("| folder | purpose |")[1].split("\n\n")[0]
    named = set(re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE))
    assert named == {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/__init__.py")}


def test_version__is_that_of_the_changelog() -> None:
    """pyproject.toml has the version of the newest release in CHANGELOG.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (newest, *_) = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == newest
