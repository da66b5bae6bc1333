"""Check that a checkout can be released: its version, the changes of that version, and a clean tree."""

import re
import subprocess
import tomllib
from pathlib import Path

from local.errors import LocalError

_SHOWN = 5


def read_version(source: Path) -> str:
    """Return the version in a checkout's pyproject.toml."""
    return str(tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"])


def check_release(source: Path, tag: str | None = None) -> str:
    """Return the changes of the version to be released.

    Args:
        source: the checkout.
        tag: the tag of the release, which must name the version.

    Raises:
        LocalError: the tag names another version, the changes are missing, or the tree is dirty.

    """
    version = read_version(source)
    if tag is not None and tag != f"v{version}":
        raise LocalError(f"the tag {tag} must be v{version}, because pyproject.toml has the version {version}")
    changes = _read_changes(source, version)
    _check_clean(source)
    return changes


def _check_clean(source: Path) -> None:
    command = ["git", "-C", str(source), "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalError(f"git status failed, but a release is built from a commit: {done.stderr.strip()}")
    changed = [line[3:] for line in done.stdout.splitlines()]
    if changed:
        names = ", ".join(changed[:_SHOWN]) + (", ..." if len(changed) > _SHOWN else "")
        raise LocalError(f"the tree is dirty, but a release contains one commit: commit or remove {names}")


def _read_changes(source: Path, version: str) -> str:
    """Return the section of CHANGELOG.md about a version."""
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    found = re.search(heading, (source / "CHANGELOG.md").read_text(), re.DOTALL | re.MULTILINE)
    if found is None:
        raise LocalError(f"CHANGELOG.md has no section for {version}: add `## {version} - YYYY-MM-DD` with its changes")
    changes = found[1].strip()
    if not re.search(r"^[^#\s]", changes, re.MULTILINE):
        raise LocalError(f"the section of CHANGELOG.md for {version} is empty: describe the changes")
    return changes
