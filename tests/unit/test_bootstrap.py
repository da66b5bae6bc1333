"""The set-up finds a Python that lasts."""

import os
import sys
from pathlib import Path

import pytest

from local import bootstrap


def test_find_python__never_gives_an_environments_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an environment's Python first on PATH, the one behind it is found, which stays."""
    own = tmp_path / f"python{bootstrap.VERSION}"
    own.symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert bootstrap.find_python() == os.path.realpath(sys.executable)


def test_is_current__is_false_for_another_lock(tmp_path: Path) -> None:
    """A changed lock makes the environment anew."""
    home, lock = tmp_path / "home", tmp_path / "lock.txt"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").touch()
    lock.write_text("one")
    bootstrap.mark(home, lock)
    assert bootstrap.is_current(home, lock)
    lock.write_text("two")
    assert not bootstrap.is_current(home, lock)
