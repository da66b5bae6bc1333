"""`make release` releases only a described commit, and `make publish` publishes what it built."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from feature_events import VERSION
from local.commands import release as command
from local.errors import LocalError
from local.paths import ROOT
from local.release.build import CHECKSUMS


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a repository with a version and its changes, and commit it."""
    home = tmp_path / "checkout"
    home.mkdir()
    (home / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    changes = "### Fixed\n\n- [One](docs/one.md), [2](https://a.b)\n  ([docs](docs/two.md)).\n- Two\n  lines.\n"
    (home / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## 1.2.0 - 2026-01-02\n\n{changes}\n## 1.1.0 - 2026-01-01\n\n- Two.\n"
    )
    commit(home)
    return home


def commit(home: Path) -> None:
    """Commit all files of a directory."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", "-C", home, *arguments], check=True)  # noqa: S603, S607


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace the build, and return the checkouts that were built."""
    calls: list[Path] = []

    def build(directory: Path, source: Path) -> Path:
        directory.mkdir()
        calls.append(source)
        return directory / "feature-events-1.2.0.zip"

    monkeypatch.setattr(command, "build_release", build)
    return calls


def test_release__writes_the_notes_of_the_version(checkout: Path, built: list[Path]) -> None:
    """They are the section of CHANGELOG.md, without local links and line breaks. The tag may be given."""
    assert command.release(Console(quiet=True), "v1.2.0", checkout) == 0
    assert built == [checkout]
    assert (checkout / "dist" / command.NOTES).read_text() == "### Fixed\n\n- One, [2](https://a.b).\n- Two lines.\n"


def change_file(home: Path) -> None:
    """Change a committed file."""
    (home / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\nname = "n"\n')


def add_file(home: Path) -> None:
    """Add a file in a new directory."""
    (home / "schemas").mkdir()
    (home / "schemas" / "new.avsc").touch()


def remove_changes(home: Path) -> None:
    """Commit a changelog without the version."""
    (home / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- One.\n\n## 1.1.0 - 2026-01-01\n\n- Two.\n")
    commit(home)


def empty_changes(home: Path) -> None:
    """Commit a changelog with a section that has only headings."""
    (home / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.2.0 - 2026-01-02\n\n### Fixed\n\n## 1.1.0 - 2026-01-01\n\n- Two.\n"
    )
    commit(home)


def remove_repository(home: Path) -> None:
    """Leave the files only."""
    shutil.rmtree(home / ".git")


@pytest.mark.parametrize(
    ("change", "tag", "message"),
    [
        (change_file, None, "the tree is dirty.*: commit or remove pyproject.toml"),
        (add_file, None, "the tree is dirty.*: commit or remove schemas/new.avsc"),
        (remove_changes, None, "CHANGELOG.md has no section for 1.2.0"),
        (empty_changes, None, "the section of CHANGELOG.md for 1.2.0 is empty"),
        (remove_repository, None, "git status failed"),
        (lambda _: None, "v1.3.0", "the tag v1.3.0 must be v1.2.0"),
    ],
    ids=["changed file", "new file", "no section", "empty section", "no repository", "other tag"],
)
def test_release__is_refused(
    checkout: Path, built: list[Path], change: Callable[[Path], object], tag: str | None, message: str
) -> None:
    """Nothing is built, and the error says why."""
    change(checkout)
    with pytest.raises(LocalError, match=message):
        command.release(Console(quiet=True), tag, checkout)
    assert built == []


def test_publish__creates_the_release_of_the_tag(tmp_path: Path) -> None:
    """It attaches the zip file of this version and its checksum."""
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n')
    program.chmod(0o755)
    make = ["make", "--silent", "--makefile", str(ROOT / "Makefile"), "publish"]
    done = subprocess.run(make, env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TAG": "v1.2.0"}, cwd=tmp_path, check=False)  # noqa: S603
    assert done.returncode == 0
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:3] == ["release", "create", "v1.2.0"]
    assert arguments[-2:] == ["dist/feature-events-1.2.0.zip", f"dist/{CHECKSUMS}"]


def test_make__passes_the_tag() -> None:
    """`make release` prints why it refuses, and fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "release"],  # noqa: S607
        env={**environment, "TAG": "v0.0.0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert f"error: the tag v0.0.0 must be v{VERSION}" in done.stdout


def test_workflow__runs_what_can_be_run_locally() -> None:
    """Each command is a target of the Makefile or .ci/run. Only the job without tests may write."""
    jobs: dict[str, Any] = yaml_parse((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    runs = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert runs == {"test": ["bash .ci/run"], "publish": ["make release", "make publish"]}
    assert jobs["test"]["permissions"] == {"contents": "read"}
    assert jobs["publish"]["needs"] == "test"
    assert jobs["publish"]["permissions"] == {"contents": "write", "id-token": "write", "attestations": "write"}
