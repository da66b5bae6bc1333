"""The packages of `local` import only downwards, and modules and functions stay short."""

import pytest

from local.paths import ROOT
from tests.support.architecture import (
    find_circles,
    find_long_functions,
    find_long_modules,
    find_unplaced,
    find_upward_imports,
)

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
    "release",
    "commands",
    "__main__",
    "layout",
    "check_config",
)
"""Modules and packages from low to high. A module may import only from its own or a lower level."""


def test_order__lists_every_module() -> None:
    """Every module has a place in the order, and every entry exists."""
    assert find_unplaced(LOCAL, ORDER) == []


def test_imports__point_downwards() -> None:
    """This includes imports inside functions and imports for the type checker."""
    assert find_upward_imports(LOCAL, ORDER) == []


def test_imports__have_no_cycles() -> None:
    """Modules of the same package have no cycles either."""
    assert find_circles(LOCAL) == []


@pytest.mark.parametrize("directory", ["local", "benchmarks", "tests"])
def test_modules__are_short(directory: str) -> None:
    """The limits apply to modules and functions."""
    assert find_long_modules(ROOT / directory) == []
    assert find_long_functions(ROOT / directory) == []
