"""Each capture has a script that can update it, and comes from the locked version of its package."""

import json
import re

import pytest

from tests.support.captures import list_stores, read_capture
from tests.writers.environments import REQUIREMENTS
from tests.writers.stores import STORES


def test_captures__exist_for_each_store() -> None:
    """Every capture has a script that can update it."""
    assert list_stores() == sorted(STORES)


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.python])
def test_accounts__name_the_locked_version(store: str) -> None:
    """A capture must be updated when the version of its package changes."""
    package, version = read_capture(store).writer.replace(",", "").split()[:2]
    lock = (REQUIREMENTS / f"{store}.txt").read_text()
    assert re.search(rf"^{re.escape(package)}(\[[\w,]+\])?=={re.escape(version)} ", lock, re.MULTILINE)


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.uses_node])
def test_accounts__name_the_locked_version_of_a_node_package(store: str) -> None:
    """The Node.js programs share a lock."""
    package, version = read_capture(store).writer.split()
    lock = json.loads((REQUIREMENTS / "node" / "package-lock.json").read_text())
    assert lock["packages"][f"node_modules/{package}"]["version"] == version
