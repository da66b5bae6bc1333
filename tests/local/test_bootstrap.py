"""The setup of the Python environments, and its one-line errors."""

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
from local.servers.reaper import read_start_time
from tests.support.command_process import LIMIT

# Root can write to read-only directories unless it drops this capability
UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override"] if os.getuid() == 0 else []
LOCKS = [f"requirements/{name}.txt" for name in ("uv", "dev", "lambda")]
NEEDED = ["local/bootstrap.py", ".python-version", *LOCKS]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a directory with the files of a checkout that the setup needs."""
    home = tmp_path / "a checkout"
    for name in NEEDED:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, home / name)
    return home


def find_group(leader: int) -> list[int]:
    """Return the running processes of this group."""
    found = []
    for pid in (int(home.name) for home in Path("/proc").glob("[0-9]*")):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == leader and read_start_time(pid):
                found.append(pid)
    return found


def start(home: Path, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start the setup of this checkout in a process group, as a terminal does."""
    return subprocess.Popen(  # noqa: S603  # a program of this project
        [*prefix, os.path.realpath(sys.executable), "-S", home / "local" / "bootstrap.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_set_up__reports_a_read_only_checkout(checkout: Path) -> None:
    """The error is one line that says what to do."""
    checkout.chmod(0o555)
    with start(checkout, UNPRIVILEGED) as running:
        output, _ = running.communicate()
    checkout.chmod(0o755)
    assert running.returncode == 1
    assert output == (
        f"error: {checkout} is not writable (Permission denied); clone the repository to a directory that you own, "
        "because setup writes to .venv and .local\n"
    )


def test_set_up__stops_on_ctrl_c(checkout: Path) -> None:
    """It prints one line, leaves no process, and marks no environment as complete."""
    made = checkout / ".local" / "uv" / "pyvenv.cfg"
    with start(checkout) as running:
        while not made.exists():
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGINT)
        output, _ = running.communicate()
    assert (output, running.returncode) == ("interrupted; the next command resumes the setup\n", 130)
    end = time.monotonic() + LIMIT
    while find_group(running.pid):  # grandchildren may receive the signal later
        assert time.monotonic() < end, "a process is still running"
    assert list(checkout.rglob("made-from")) == []


def test_set_up__waits_for_another_one(checkout: Path) -> None:
    """It prints that it is waiting."""
    lock = checkout / ".local" / "setup.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with start(checkout) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "setup: waiting for another setup in this checkout\n"
            os.killpg(running.pid, signal.SIGINT)
            running.communicate()
    assert running.returncode == 130
    assert [path.name for path in lock.parent.iterdir()] == [lock.name]


def test_links__lists_the_links_of_the_repository() -> None:
    """The check covers every symbolic link."""
    listed = subprocess.run(["git", "ls-files", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    links = [line.partition("\t")[2] for line in listed.splitlines() if line.startswith("120000")]
    assert sorted(links) == sorted(bootstrap.LINKS)


def test_check_links__reports_a_link_that_became_a_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Symbolic links and copies of their targets pass."""
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for name in bootstrap.LINKS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / bootstrap.LINKS[0]).symlink_to("../Makefile")
    shutil.copy(ROOT / bootstrap.LINKS[1], tmp_path / bootstrap.LINKS[1])
    (tmp_path / "layers/dependencies/Makefile").touch()
    bootstrap.check_links()
    (tmp_path / bootstrap.LINKS[3]).write_text("../Makefile")
    with pytest.raises(SystemExit, match=r"x86_64/Makefile is a text file, but it should be a symbolic link"):
        bootstrap.check_links()


def test_tool_environment__uses_the_systems_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uv uses the system's CA certificates by default, and the caller can override this."""
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    assert bootstrap.tool_environment()["UV_SYSTEM_CERTS"] == "true"
    monkeypatch.setenv("UV_SYSTEM_CERTS", "false")
    assert bootstrap.tool_environment()["UV_SYSTEM_CERTS"] == "false"


def test_find_python__resolves_the_python_of_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the Python of an environment is first on PATH, its base interpreter is found."""
    own = tmp_path / f"python{bootstrap.VERSION}"
    own.symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert bootstrap.find_python() == os.path.realpath(sys.executable)


def test_is_current__is_false_for_another_lock(tmp_path: Path) -> None:
    """A changed lock makes an environment outdated."""
    home, lock = tmp_path / "home", tmp_path / "lock.txt"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").touch()
    lock.write_text("one")
    bootstrap.mark(home, lock)
    assert bootstrap.is_current(home, lock)
    lock.write_text("two")
    assert not bootstrap.is_current(home, lock)
