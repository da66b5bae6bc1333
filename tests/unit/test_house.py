"""The package keeps the order of its rooms: a record goes down the house, and a change reaches only what is above."""

from pathlib import Path

from local.paths import ROOT
from tests.support.house import find_circles, find_long_functions, find_long_modules, find_unplaced, find_upward_imports

PACKAGE = ROOT / "src" / "feature_events"
ORDER = (
    "errors",
    "epoch",
    "deadline",
    "json_text",
    "settings.values",
    "metrics",
    "logs",
    "settings.kafka_properties",
    "layouts.pattern",
    "layouts.table_layout",
    "layouts.members",
    "layouts.reading",
    "settings",
    "aws",
    "records.stream_record",
    "records",
    "tables.comparison",
    "tables",
    "layouts",
    "web",
    "events",
    "encoder",
    "registries",
    "kafka",
    "failures",
    "outcome",
    "pipeline",
    "redrives",
    "backfills",
    "preflight",
    "wiring",
    "handler",
    "registration",
    "redrive",
    "backfill",
)
"""From low to high: a module imports nothing that stands above it."""


def test_order__has_a_place_for_all() -> None:
    """Every module has its place, and nothing else has one."""
    assert find_unplaced(PACKAGE, ORDER) == []


def test_imports__lead_downwards() -> None:
    """No module imports from above, not even inside a function or for the type checker."""
    assert find_upward_imports(PACKAGE, ORDER) == []


def test_imports__go_in_no_circle() -> None:
    """Within a room, too, modules can be read one after the other."""
    assert find_circles(PACKAGE) == []


def test_modules__are_short() -> None:
    """No module and no function is longer than a reader takes in."""
    assert find_long_modules(PACKAGE) == []
    assert find_long_functions(PACKAGE) == []


def test_unit_tests__are_named_after_their_modules() -> None:
    """The tests of a module are in `test_MODULE.py`, or in several files `test_MODULE_TOPIC.py`."""
    unit = ROOT / "tests" / "unit"
    files = [file.relative_to(unit) for file in unit.rglob("test_*.py") if file != unit / "test_house.py"]
    modules = {module.relative_to(PACKAGE) for module in PACKAGE.rglob("*.py")}
    assert [file for file in files if not any(_is_named_after(file, module) for module in modules)] == []


def _is_named_after(file: Path, module: Path) -> bool:
    return file.parent == module.parent and f"{file.stem}_".startswith(f"test_{module.stem}_")
