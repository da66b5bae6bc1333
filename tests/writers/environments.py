"""Python environments for stores' packages, each as its lock says.

They are made in `.local/writers` with the project's own uv, so no package of a store reaches the project's tools.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.bootstrap import install_uv, is_current, mark, tool_environment
from local.errors import LocalError
from local.paths import HOME, ROOT

REQUIREMENTS = Path(__file__).parent / "requirements"


def make_environment(name: str, version: str) -> Path:
    """The interpreter of the environment that `requirements/NAME.txt` locks, on Python `version`; made where it is not.

    Raises:
        LocalError: this Python is not on this machine, or the packages could not be installed.

    """
    home, locked = HOME / "writers" / name, REQUIREMENTS / f"{name}.txt"
    python = home / "bin" / "python"
    if is_current(home, locked):
        return python
    uv = install_uv(sys.executable)
    shutil.rmtree(home, ignore_errors=True)
    _run(uv, "venv", "--quiet", "--python", _find_interpreter(version) or version, home)
    _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, locked)
    mark(home, locked)
    return python


def lock(name: str, version: str) -> None:
    """Resolves `requirements/NAME.in` again, for Python `version`.

    Raises:
        LocalError: the packages cannot be had together.

    """
    source = REQUIREMENTS / f"{name}.in"
    options = ("--quiet", "--upgrade", "--universal", "--python-version", version, "--generate-hashes")
    named = ("--no-emit-index-url", "--custom-compile-command", "python -m tests.writers --lock")
    uv = install_uv(sys.executable)
    _run(uv, "pip", "compile", *options, *named, source, "--output-file", source.with_suffix(".txt"))


def _find_interpreter(version: str) -> str | None:
    """A Python of this version that pyenv keeps, whose commands on PATH answer only for the project's own version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    return str(kept[-1]) if kept else None


def _run(*command: object) -> None:
    arguments = [str(part) for part in command]
    if subprocess.run(arguments, cwd=ROOT, env=tool_environment(), check=False).returncode:  # noqa: S603 -- built here
        raise LocalError(f"{' '.join(arguments[1:3])} failed, for the reason above")
