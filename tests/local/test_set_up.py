"""The set-up finds a Python that lasts, and says in one line what kept it from its work."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from local import bootstrap
from local.paths import ROOT
from local.servers.reaper import read_birth
from tests.support.command_process import LIMIT

# Root may write wherever it likes, unless it has left that right behind
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override"] if os.getuid() == 0 else []
LOCKS = [f"requirements/{name}.txt" for name in ("uv", "dev", "lambda")]
NEEDED = ["local/bootstrap.py", ".python-version", *LOCKS]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the set-up needs of a checkout."""
    home = tmp_path / "a checkout"
    for name in NEEDED:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, home / name)
    return home


def find_group(leader: int) -> list[int]:
    """The processes of this group that have not ended."""
    found = []
    for pid in (int(home.name) for home in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == leader and read_birth(pid):
                found.append(pid)
    return found


def start(home: Path, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """The set-up of this checkout, in a process group as in a terminal."""
    return subprocess.Popen(  # noqa: S603  # this project's own program
        [*prefix, os.path.realpath(sys.executable), "-S", home / "local" / "bootstrap.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_set_up__says_that_a_checkout_is_read_only(checkout: Path) -> None:
    """One line with what to do, for a user who has no permission to write there."""
    checkout.chmod(0o555)
    with start(checkout, UNPRIVILEGED) as running:
        output, _ = running.communicate()
    checkout.chmod(0o755)
    assert running.returncode == 1
    assert output == (
        f"error: {checkout} cannot be written to (Permission denied): what is made here is kept in its .venv and "
        ".local, so clone it to a directory of your own\n"
    )


def test_set_up__says_that_it_was_interrupted(checkout: Path) -> None:
    """Ctrl-C while packages are installed: one line, no process goes on, and nothing passes for complete."""
    made = checkout / ".local" / "uv" / "pyvenv.cfg"
    with start(checkout) as running:
        while not made.exists():
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGINT)
        output, _ = running.communicate()
    assert (output, running.returncode) == ("interrupted; the next command makes what is missing\n", 130)
    end = time.monotonic() + LIMIT
    while find_group(running.pid):  # a program of a program may hear of it later
        assert time.monotonic() < end, "a process goes on"
    assert list(checkout.rglob("made-from")) == []


def test_set_up__waits_for_another(checkout: Path) -> None:
    """Of two set-ups at once one works, and the other one waits for it and says so."""
    lock = checkout / ".local" / "setup.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with start(checkout) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "set-up: waiting for another one in this checkout\n"
            os.killpg(running.pid, signal.SIGINT)
            running.communicate()
    assert running.returncode == 130
    assert [path.name for path in lock.parent.iterdir()] == [lock.name]


def test_links__are_the_repositorys() -> None:
    """Every symbolic link of the repository is looked at."""
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    links = [line.partition("\t")[2] for line in listed.splitlines() if line.startswith("120000")]
    assert sorted(links) == sorted(bootstrap.LINKS)


def test_check_links__says_that_a_link_became_a_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive unpacked without links is named as such; real links, and files in their place, are left alone."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for name in bootstrap.LINKS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / bootstrap.LINKS[0]).symlink_to("../Makefile")
    shutil.copy(ROOT / bootstrap.LINKS[1], tmp_path / bootstrap.LINKS[1])
    (tmp_path / "layers/dependencies/Makefile").touch()
    bootstrap.check_links()
    (tmp_path / bootstrap.LINKS[3]).write_text("../Makefile")
    with pytest.raises(SystemExit, match=r"x86_64/Makefile is a text file where the repository has a symbolic link"):
        bootstrap.check_links()


def test_tool_environment__trusts_the_systems_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uv has CA certificates of its own, and uses the system's only where it is told to; a person may say otherwise."""
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    assert bootstrap.tool_environment()["UV_SYSTEM_CERTS"] == "true"
    monkeypatch.setenv("UV_SYSTEM_CERTS", "false")
    assert bootstrap.tool_environment()["UV_SYSTEM_CERTS"] == "false"


def test_find_python__never_gives_an_environments_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an environment's Python first on PATH, the one behind it is found, which stays."""
    own = tmp_path / f"python{bootstrap.VERSION}"
    own.symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert bootstrap.find_python() == os.path.realpath(sys.executable)


def test_is_current__is_false_for_another_lock(tmp_path: Path) -> None:
    """A changed lock makes the environment again."""
    home, lock = tmp_path / "home", tmp_path / "lock.txt"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").touch()
    lock.write_text("one")
    bootstrap.mark(home, lock)
    assert bootstrap.is_current(home, lock)
    lock.write_text("two")
    assert not bootstrap.is_current(home, lock)
