"""`local` keeps its order: whoever looks for a thing finds it in one room, and a change reaches only what is above."""

import pytest

from local.paths import ROOT
from tests.support.house import find_circles, find_long_functions, find_long_modules, find_unplaced, find_upward_imports

LOCAL = ROOT / "local"
ORDER = (
    "bootstrap",
    "paths",
    "environment",
    "errors",
    "steps",
    "servers",
    "application",
    "demo",
    "trials",
    "commands",
    "__main__",
    "layout",
    "check_config",
)
"""From low to high: a module imports nothing that stands above it."""


def test_order__has_a_place_for_all() -> None:
    """Every module has its place, and nothing else has one."""
    assert find_unplaced(LOCAL, ORDER) == []


def test_imports__lead_downwards() -> None:
    """No module imports from above, not even inside a function or for the type checker."""
    assert find_upward_imports(LOCAL, ORDER) == []


def test_imports__go_in_no_circle() -> None:
    """Within a room, too, modules can be read one after the other."""
    assert find_circles(LOCAL) == []


@pytest.mark.parametrize("directory", ["local", "benchmarks", "tests"])
def test_modules__are_short(directory: str) -> None:
    """No module and no function is longer than a reader takes in."""
    assert find_long_modules(ROOT / directory) == []
    assert find_long_functions(ROOT / directory) == []
