"""CONTRIBUTING names functions that are where it says."""

import ast
import re

from local.paths import ROOT

PACKAGE = ROOT / "src" / "feature_events"
STEP = re.compile(r"^\| (\d+)\. [^|]+ \| `(\w+)` \| `([\w/]+\.py)` \|$", re.MULTILINE)


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
