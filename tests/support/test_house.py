"""The rules of a house find what breaks them, wherever in a module it stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.house import (
    find_circles,
    find_long_functions,
    find_long_modules,
    find_unplaced,
    find_upward_imports,
)

ORDER = ("ground", "rooms", "rooms.attic", "top")
GOOD = {
    "__init__": "",
    "ground": "import os\n",
    "rooms/__init__": "",
    "rooms/first": "from house import ground\nimport house.ground\n",
    "rooms/second": "from house.rooms.first import value\nfrom . import first\nfrom ..ground import thing\n",
    "rooms/attic": "from house.rooms import first\n",
    "top": "from house.rooms import attic, second\n",
}


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Makes a package of the good modules, with some of them replaced or added."""

    def build(changed: dict[str, str]) -> Path:
        for name, text in {**GOOD, **changed}.items():
            file = tmp_path / "house" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / "house"

    return build


def test_rules__find_nothing_in_a_good_house(build: Callable[..., Path]) -> None:
    """Every kind of import downwards, and between two modules of a room, is as it should be."""
    house = build({})
    found = [find_upward_imports(house, ORDER), find_unplaced(house, ORDER), find_circles(house)]
    assert [*found, find_long_modules(house), find_long_functions(house)] == [[]] * 5


@pytest.mark.parametrize(
    ("name", "text", "line", "imported"),
    [
        ("ground", "import house.top\n", 1, "top"),
        ("ground", "from house import top as high\n", 1, "top"),
        ("ground", "from house.rooms.first import value\n", 1, "rooms.first"),
        ("ground", "from .rooms import first\n", 1, "rooms.first"),
        ("ground", "from house.rooms import VALUE\n", 1, "rooms"),
        ("ground", "if TYPE_CHECKING:\n    from house.top import Top\n", 2, "top"),
        ("ground", "class A:\n    def f(self):\n        from house import top\n", 3, "top"),
        ("rooms/__init__", "from .attic import thing\n", 1, "rooms.attic"),
        ("rooms/first", "from ..top import thing\n", 1, "top"),
        ("rooms/first", "from house.rooms import attic\n", 1, "rooms.attic"),
        ("__init__", "from house import ground\n", 1, "ground"),
    ],
)
def test_find_upward_imports__sees_each_form(
    build: Callable[..., Path], name: str, text: str, line: int, imported: str
) -> None:
    """An import upwards is found in any form and place, with its file and line."""
    house = build({name: text})
    wanted = f"{house / name}.py:{line} imports {imported}, which stands above it"
    assert find_upward_imports(house, ORDER) == [wanted]


def test_find_unplaced__names_what_has_no_place_and_what_is_gone(build: Callable[..., Path]) -> None:
    """The order has a place for every module and no entry too many."""
    house = build({"shed": ""})
    assert find_unplaced(house, [*ORDER, "barn"]) == [
        "shed has no place in the order",
        "barn is in the order and not in the package",
    ]


@pytest.mark.parametrize(
    ("changed", "modules"),
    [
        ({"rooms/first": "from house.rooms import second\n"}, {"rooms.first", "rooms.second"}),
        ({"rooms/first": "if TYPE_CHECKING:\n    from . import second\n"}, {"rooms.first", "rooms.second"}),
        ({"ground": "def f():\n    from house.rooms import attic\n"}, {"ground", "rooms.attic", "rooms.first"}),
    ],
)
def test_find_circles__sees_each_form(build: Callable[..., Path], changed: dict[str, str], modules: set[str]) -> None:
    """A circle is found also where an import waits for a function's call or for the type checker."""
    (circle,) = find_circles(build(changed))
    steps = circle.split(" -> ")
    assert (set(steps), steps[0]) == (modules, steps[-1])


def test_find_circles__names_enough_to_open_all(build: Callable[..., Path]) -> None:
    """Two circles that share nothing are both named."""
    found = find_circles(
        build({"pair": "import house.peer\n", "peer": "import house.pair\n", "ground": "import house.ground"})
    )
    assert sorted(circle.split(" -> ")[0] in {"pair", "peer"} for circle in found) == [False, True]


def test_find_long__counts_docstrings_and_nested_functions(build: Callable[..., Path]) -> None:
    """300 lines of a module and 40 of a function are the most, whatever the lines hold."""
    longest = "@decorated\ndef longest():\n" + "    pass\n" * 39
    method = 'class A:\n    async def method(self):\n        """What.\n' + "\n" * 37 + '        """\n        return 1\n'
    house = build({"ground": longest, "top": method, "rooms/first": "\n" * 300, "rooms/second": "\n" * 301})
    assert find_long_functions(house) == [f"{house / 'top.py'}:2 method has 41 lines"]
    assert find_long_modules(house) == [f"{house / 'rooms' / 'second.py'} has 301 lines"]
