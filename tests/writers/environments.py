"""Create the locked environments of stores in `.local/writers`, separate from the project's tools."""

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
    """Create the environment that `requirements/NAME.txt` locks, unless it exists, and return its interpreter.

    Raises:
        LocalError: Python `version` is not installed, or the packages could not be installed.

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


def make_node_environment() -> Path:
    """Install the packages that `requirements/node` locks, unless they exist, and return their directory.

    Raises:
        LocalError: the packages could not be installed.

    """
    home, locked = HOME / "writers" / "node", REQUIREMENTS / "node" / "package-lock.json"
    made = home / "made-from"
    if not made.exists() or made.read_bytes() != locked.read_bytes():
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(locked.parent, home)
        # npm takes the target of a symbolic link for a package, so the path must not contain one
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", home.resolve())
        shutil.copy(locked, made)
    return home / "node_modules"


def lock(name: str, version: str) -> None:
    """Lock `requirements/NAME.in` for Python `version`.

    Raises:
        LocalError: the requirements conflict.

    """
    source = REQUIREMENTS / f"{name}.in"
    options = ("--quiet", "--upgrade", "--universal", "--python-version", version, "--generate-hashes")
    named = ("--no-emit-index-url", "--custom-compile-command", "python -m tests.writers --lock")
    uv = install_uv(sys.executable)
    _run(uv, "pip", "compile", *options, *named, source, "--output-file", source.with_suffix(".txt"))


def _find_interpreter(version: str) -> str | None:
    """Find a Python of this version in pyenv. pyenv's commands on PATH run only the project's version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    return str(found[-1]) if found else None


def _run(*command: object) -> None:
    arguments = [str(part) for part in command]
    if subprocess.run(arguments, cwd=ROOT, env=tool_environment(), check=False).returncode:  # noqa: S603 -- built here
        raise LocalError(f"{' '.join(arguments[1:3])} failed; see the output above")
