"""Check the architecture of a package: imports only downwards, no import cycles, no long modules or functions.

The checks read the syntax tree, so they include imports inside functions and under TYPE_CHECKING.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

MODULE_LINES = 300
FUNCTION_LINES = 40
"""The maximum lengths, including docstrings but not decorators."""


class Module(NamedTuple):
    """A module. Its name is relative to the package, and empty for the package's own `__init__`."""

    name: str
    path: Path


class Import(NamedTuple):
    """An import of another module of the same package."""

    importer: Module
    line: int
    imported: str


def find_upward_imports(package: Path, order: Sequence[str]) -> list[str]:
    """Return the imports of a module above the importer, each as `file:line imports module`.

    Args:
        package: the folder of the package.
        order: dotted names of modules and packages, from low to high. The entry of a package applies to all its modules
            without an own entry, and these may import each other.

    """
    return [
        f"{each.importer.path}:{each.line} imports {each.imported}, which is above it"
        for each in _read_imports(package)
        if _to_rank(each.imported, order) > _to_rank(each.importer.name, order)
    ]


def find_unplaced(package: Path, order: Sequence[str]) -> list[str]:
    """Return the modules that are missing in the order, and its entries that do not exist."""
    names = [module.name for module in _read_modules(package) if module.name]
    placed = {name: _find_entry(name, order) for name in names}
    return [
        *(f"{name} is missing in the order" for name, entry in placed.items() if entry is None),
        *(f"{entry} is in the order but not in the package" for entry in order if entry not in placed.values()),
    ]


def find_circles(package: Path) -> list[str]:
    """Return import cycles as `a -> b -> a`. Breaking all of these leaves no cycle."""
    imports: dict[str, set[str]] = {module.name: set() for module in _read_modules(package)}
    for each in _read_imports(package):
        imports[each.importer.name].add(each.imported)
    circles = []
    while circle := _find_circle(imports):
        circles.append(" -> ".join(name or package.name for name in circle))
        imports[circle[0]].remove(circle[1])
    return circles


def find_long_modules(directory: Path) -> list[str]:
    """Return the modules below a directory that are too long, with their lengths."""
    lengths = {module.path: len(module.path.read_text().splitlines()) for module in _read_modules(directory)}
    return [f"{path} has {length} lines" for path, length in lengths.items() if length > MODULE_LINES]


def find_long_functions(directory: Path) -> list[str]:
    """Return the functions below a directory that are too long, with their lengths."""
    return [
        f"{module.path}:{node.lineno} {node.name} has {length} lines"
        for module in _read_modules(directory)
        for node in ast.walk(_parse(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]


def _read_modules(package: Path) -> list[Module]:
    return [Module(_to_name(path.relative_to(package)), path) for path in sorted(package.rglob("*.py"))]


def _to_name(path: Path) -> str:
    return ".".join(part for part in path.with_suffix("").parts if part != "__init__")


def _parse(module: Module) -> ast.Module:
    return ast.parse(module.path.read_bytes(), str(module.path))


def _read_imports(package: Path) -> Iterator[Import]:
    modules = _read_modules(package)
    names = {module.name for module in modules}
    for module in modules:
        for node in ast.walk(_parse(module)):
            for target in _to_targets(node, module, package.name):
                found = _to_module(target, names, package.name)
                if found:
                    yield Import(module, getattr(node, "lineno", 0), found)


def _to_targets(node: ast.AST, module: Module, root: str) -> list[str]:
    """Return the dotted names that a statement imports. Each is a module, or a name in a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = node.level - (module.path.name == "__init__.py")
    here = [root, *module.name.split(".")] if module.name else [root]
    start = here[: len(here) - above] if node.level else []
    base = ".".join([*start, node.module] if node.module else start)
    return [f"{base}.{alias.name}" for alias in node.names]


def _to_module(target: str, names: set[str], root: str) -> str:
    """Return the module that a dotted name is or is in; empty for the root and for other packages."""
    first, *parts = target.split(".")
    while first == root and parts and ".".join(parts) not in names:
        parts.pop()
    return ".".join(parts) if first == root else ""


def _find_entry(name: str, order: Sequence[str]) -> str | None:
    """Return the longest entry that applies to a module: its own, or else its package's."""
    return max((entry for entry in order if f"{name}.".startswith(f"{entry}.")), key=len, default=None)


def _to_rank(name: str, order: Sequence[str]) -> int:
    """Return a module's index in the order. The root's `__init__` is the lowest: every import runs it first."""
    entry = _find_entry(name, order)
    return -1 if entry is None else order.index(entry)


def _find_circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Return a cycle, each module before one that it imports; empty if there is none."""
    try:
        TopologicalSorter({name: sorted(found) for name, found in imports.items()}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []
