"""The rules of a package's house, read from its source: no import upwards, no circle, nothing that is too long.

A tool for it would need its own configuration and lock; what is asked here is one walk over the syntax tree, and finds
an import inside a function or under TYPE_CHECKING as well.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

MODULE_LINES = 300
FUNCTION_LINES = 40
"""The longest that a module and a function may be, docstrings included and decorators not."""


class Module(NamedTuple):
    """A module of the package; its name begins below the package, and the package's own `__init__` has none."""

    name: str
    path: Path


class Import(NamedTuple):
    """One module that imports another one of the same package, and on which line."""

    importer: Module
    line: int
    imported: str


def find_upward_imports(package: Path, order: Sequence[str]) -> list[str]:
    """Imports of a module that stands above the importer, each as `file:line imports module`.

    The order goes from low to high. An entry is a module or a package, dotted and without the root package's name; a
    package (a room) stands for all its modules that have no entry of their own, and they may import one another.
    """
    return [
        f"{_to_text(each)}, which stands above it"
        for each in _read_imports(package)
        if _to_rank(each.imported, order) > _to_rank(each.importer.name, order)
    ]


def find_unplaced(package: Path, order: Sequence[str]) -> list[str]:
    """Modules that the order does not place, and entries of the order that name nothing."""
    names = [module.name for module in _read_modules(package) if module.name]
    placed = {name: _find_entry(name, order) for name in names}
    return [
        *(f"{name} has no place in the order" for name, entry in placed.items() if entry is None),
        *(f"{entry} is in the order and not in the package" for entry in order if entry not in placed.values()),
    ]


def find_circles(package: Path) -> list[str]:
    """Circles of imports as `a -> b -> a`; where all that are named are opened, none is left."""
    imports: dict[str, set[str]] = {module.name: set() for module in _read_modules(package)}
    for each in _read_imports(package):
        imports[each.importer.name].add(each.imported)
    circles = []
    while circle := _find_circle(imports):
        circles.append(" -> ".join(name or package.name for name in circle))
        imports[circle[0]].remove(circle[1])
    return circles


def find_long_modules(directory: Path) -> list[str]:
    """Modules in and below a directory that have too many lines, with their number."""
    lengths = {module.path: len(module.path.read_text().splitlines()) for module in _read_modules(directory)}
    return [f"{path} has {length} lines" for path, length in lengths.items() if length > MODULE_LINES]


def find_long_functions(directory: Path) -> list[str]:
    """Functions in and below a directory that have too many lines, with their number."""
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
    """The dotted names that a statement imports, each of which may be a module or a name in one."""
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
    """The module of the package that a dotted name is or is in; empty for one of elsewhere and for the root."""
    first, *parts = target.split(".")
    while first == root and parts and ".".join(parts) not in names:
        parts.pop()
    return ".".join(parts) if first == root else ""


def _find_entry(name: str, order: Sequence[str]) -> str | None:
    """The entry that places a module: the longest one, so that a module may stand apart from its room."""
    return max((entry for entry in order if f"{name}.".startswith(f"{entry}.")), key=len, default=None)


def _to_rank(name: str, order: Sequence[str]) -> int:
    """How high a module stands. Whoever imports anything imports the root's `__init__` first, so it is the lowest."""
    entry = _find_entry(name, order)
    return -1 if entry is None else order.index(entry)


def _find_circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The first circle that is found, each module before the one that it imports; empty where there is none."""
    try:
        TopologicalSorter({name: sorted(found) for name, found in imports.items()}).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _to_text(each: Import) -> str:
    return f"{each.importer.path}:{each.line} imports {each.imported}"
