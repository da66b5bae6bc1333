"""The packages of the source import only downwards, and modules and functions stay short."""

from pathlib import Path

from local.paths import ROOT
from tests.support.architecture import (
    find_circles,
    find_long_functions,
    find_long_modules,
    find_unplaced,
    find_upward_imports,
)

PACKAGE = ROOT / "src" / "feature_events"
ORDER = (
    "errors",
    "epoch",
    "deadline",
    "syntax",
    "logs",
    "metrics",
    "aws",
    "records",
    "tables",
    "layouts",
    "web",
    "events",
    "encoder",
    "settings",
    "registries",
    "kafka",
    "topic",
    "topic_index",
    "failures",
    "outcome",
    "pipeline",
    "redrives",
    "backfills",
    "traces",
    "preflight",
    "wiring",
    "handler",
    "registration",
    "redrive",
    "backfill",
)
"""Modules and packages from low to high. A module may import only from its own or a lower level."""


def test_order__lists_every_module() -> None:
    """Every module has a place in the order, and every entry exists."""
    assert find_unplaced(PACKAGE, ORDER) == []


def test_imports__point_downwards() -> None:
    """This includes imports inside functions and imports for the type checker."""
    assert find_upward_imports(PACKAGE, ORDER) == []


def test_imports__have_no_cycles() -> None:
    """Modules of the same package have no cycles either."""
    assert find_circles(PACKAGE) == []


def test_modules__are_short() -> None:
    """The limits apply to modules and functions."""
    assert find_long_modules(PACKAGE) == []
    assert find_long_functions(PACKAGE) == []


def test_unit_tests__are_named_after_their_modules() -> None:
    """The tests of a module are in `test_MODULE.py`, or in files named `test_MODULE_TOPIC.py`."""
    unit = ROOT / "tests" / "unit"
    files = [file.relative_to(unit) for file in unit.rglob("test_*.py") if file != unit / "test_architecture.py"]
    modules = {module.relative_to(PACKAGE) for module in PACKAGE.rglob("*.py")}
    assert [file for file in files if not any(_is_named_after(file, module) for module in modules)] == []


def _is_named_after(file: Path, module: Path) -> bool:
    return file.parent == module.parent and f"{file.stem}_".startswith(f"test_{module.stem}_")
