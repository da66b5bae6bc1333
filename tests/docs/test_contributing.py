"""CONTRIBUTING names the modules that are there, and functions that are where it says."""

import ast
import re
import tomllib

from local.paths import ROOT

PACKAGE = ROOT / "src" / "feature_events"
STEP = re.compile(r"^\| (\d+)\. [^|]+ \| `(\w+)` \| `([\w/]+\.py)` \|$", re.MULTILINE)


def test_map__names_each_module() -> None:
    """Every folder and module of the package is in the map, and nothing that is not there."""
    table = (ROOT / "CONTRIBUTING.md").read_text().split("| where | what is in it |")[1].split("\n\n")[0]
    named = re.findall(r"`(\w+)/?`", "".join(re.findall(r"^\|([^|]+)\|", table, re.MULTILINE)))
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(named) == sorted(there - {"__init__"})


def test_walk__leads_through_functions_that_exist() -> None:
    """At most ten steps, in order, each a function in its file, no file twice."""
    steps = STEP.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1))
    assert 8 <= len(steps) <= 10
    assert len({file for _, _, file in steps}) == len(steps)
    for _, function, file in steps:
        defined = {
            node.name for node in ast.walk(ast.parse((PACKAGE / file).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert function in defined, file


def test_version__is_the_projects() -> None:
    """pyproject.toml and the changelog's newest release name the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (newest, *_) = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == newest
