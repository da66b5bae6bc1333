"""Makes the Python environments that everything else here runs in.

A newcomer has a python3 of any age and make; this file alone runs on that, so it imports the standard library only
and keeps to what Python 3.8 knows.

`.venv` holds the tools (requirements/dev.txt). `.local/lambda` holds what AWS's own python3.13 runtime brings
(requirements/lambda.txt) and nothing else, so that a package which the layer lacks is missed here as it would be there.
Two more are made when asked for: `.local/lint` holds linters that cannot share `.venv` (requirements/lint.txt), and
`.local/oldest` what AWS's runtime brings at its oldest, with the AWS CLI of that age (requirements/oldest.txt):

    bootstrap.py lint
    bootstrap.py oldest
"""

# What `signal` and `os` are made from, and here at once
import _signal  # type: ignore[import-not-found]
import posix
import sys

INTERRUPTED = 130


def end_at_once(_number: int, _frame: object) -> None:
    """Says that nothing was done; until all is imported, an exception would be a traceback out of the middle of it."""
    posix.write(1, b"interrupted; nothing was installed\n")
    posix._exit(INTERRUPTED)  # noqa: SLF001 -- as os._exit, which is this


if __name__ == "__main__":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, end_at_once)

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Dict, Iterator, List, NoReturn, Optional

ROOT = Path(__file__).resolve().parent.parent
VERSION = (ROOT / ".python-version").read_text().strip()
ENVIRONMENTS = {
    ROOT / ".venv": ROOT / "requirements" / "dev.txt",
    ROOT / ".local" / "lambda": ROOT / "requirements" / "lambda.txt",
}
ON_REQUEST = {name: {ROOT / ".local" / name: ROOT / "requirements" / (name + ".txt")} for name in ("lint", "oldest")}
LINKS = (
    "layers/dependencies/arm64/Makefile",
    "layers/dependencies/arm64/build.py",
    "layers/dependencies/arm64/requirements.txt",
    "layers/dependencies/x86_64/Makefile",
    "layers/dependencies/x86_64/build.py",
    "layers/dependencies/x86_64/requirements.txt",
    "src/feature_events/events/feature_trigger.avsc",
    "src/feature_events/events/feature_trigger_v2.avsc",
    "src/feature_events/layouts/table_layouts",
)
"""The repository's symbolic links, which some archives turn into text files that hold where the link led."""


def fail(message: str) -> NoReturn:
    """Ends with one line for a person."""
    sys.exit("error: " + message)


def run(*command: object) -> Optional[str]:
    """Runs a command; None where it succeeds, and where it fails what it said, which is shown too."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=tool_environment(),
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    if done.returncode == 0:
        return None
    sys.stderr.write(said)
    return said


def is_wanted(python: str) -> bool:
    """Whether this interpreter starts, is the wanted version, and can make environments (Debian splits that off)."""
    code = "import ensurepip, venv, sys; sys.exit('%d.%d' % sys.version_info[:2] != '" + VERSION + "')"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def find_python() -> Optional[str]:
    """The wanted Python: on PATH, this very one, or one that pyenv keeps."""
    name = "python" + VERSION
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    shim = shutil.which("pyenv")
    roots = [pyenv] + ([Path(shim).resolve().parent.parent] if shim else [])
    kept = sorted(str(path) for root in roots for path in root.glob("versions/{}.*/bin/{}".format(VERSION, name)))
    for python in [shutil.which(name), sys.executable, *kept]:
        # An environment's Python leads to the one that it was made from, which does not go when the environment does
        if python and is_wanted(os.path.realpath(python)):
            return os.path.realpath(python)
    return None


def tool_environment() -> Dict[str, str]:
    """Return the environment for pip and uv, which uses pip's index and the CA certificates of the system's store.

    pip refuses an ALL_PROXY that is a SOCKS proxy (https://github.com/psf/requests/issues/3516), so neither gets one.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if not (name.lower() == "all_proxy" and value.lower().startswith("socks"))
    }
    env.setdefault("UV_SYSTEM_CERTS", "true")
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    return env


def install_uv(python: str) -> Path:
    """uv, at the version and hash that the lock names, in an environment of its own."""
    home = ROOT / ".local" / "uv"
    uv = home / "bin" / "uv"
    lock = ROOT / "requirements" / "uv.txt"
    if not is_current(home, lock):
        shutil.rmtree(str(home), ignore_errors=True)
        problem = run(python, "-m", "venv", home)
        if problem is not None and "ensurepip" in problem:
            fail("python3 cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv")
        if problem is not None:
            fail("python3 could not make the virtual environment .local/uv (above)")
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
        if run(*pip) is not None:
            fail("pip could not install uv (above)")
        mark(home, lock)
    return uv


def make_environment(home: Path, lock: Path, uv: Path, python: Optional[str]) -> None:
    """One environment, exactly as its lock says."""
    env = tool_environment()
    print("set-up: {} from {}".format(home.relative_to(ROOT), lock.relative_to(ROOT)), flush=True)
    shutil.rmtree(str(home), ignore_errors=True)
    made = subprocess.run([str(uv), "venv", "--quiet", "--python", python or VERSION, str(home)], env=env, check=False)
    if made.returncode and python:
        fail("uv could not make {} (above)".format(home.relative_to(ROOT)))
    if made.returncode:
        fail(
            "Python {} is not installed and uv could not fetch it: install it, by pyenv or your system's packages, "
            "and run this again".format(VERSION)
        )
    target: List[str] = ["--python", str(home / "bin" / "python")]
    sync = [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", *target, str(lock)]
    if subprocess.run(sync, env=env, check=False).returncode:
        fail("the packages of {} could not be installed (above)".format(lock.relative_to(ROOT)))
    mark(home, lock)


def stamp(lock: Path) -> str:
    """What an environment of this lock, in this place, was made from."""
    return hashlib.sha256(lock.read_bytes() + str(ROOT).encode()).hexdigest()


def is_current(home: Path, lock: Path) -> bool:
    """Whether the environment is there and as its lock says."""
    made = home / "made-from"
    return made.exists() and made.read_text() == stamp(lock) and (home / "bin" / "python").exists()


def mark(home: Path, lock: Path) -> None:
    """Writes down what the environment was made from."""
    (home / "made-from").write_text(stamp(lock))


def check_links() -> None:
    """Fails where a symbolic link of the repository has become a text file."""
    for name in LINKS:
        path = ROOT / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > os.pathconf("/", "PC_PATH_MAX"):
            continue
        target = path.read_text(errors="replace")
        if "\n" not in target and (path.parent / target).exists():
            fail(
                "{} is a text file where the repository has a symbolic link: unpack the archive with a program that "
                "keeps links, or use git clone (with core.symlinks=true)".format(name)
            )


def to_reason(error: OSError) -> str:
    """Why the checkout does not take what is made, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "{}: the disk of {} is full: free about 1 GB, and run this again".format(error.strerror, ROOT)
    return (
        "{} cannot be written to ({}): what is made here is kept in its .venv and .local, so clone it to a directory "
        "of your own".format(ROOT, error.strerror)
    )


@contextlib.contextmanager
def hold_lock() -> Iterator[None]:
    """Lets one set-up of this checkout run at a time; another one waits, and then finds all made."""
    home = ROOT / ".local"
    home.mkdir(exist_ok=True)
    with (home / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: waiting for another one in this checkout", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_stale(wanted: Dict[Path, Path]) -> Dict[Path, Path]:
    """The environments that are missing or out of date, each with its lock."""
    return {home: lock for home, lock in wanted.items() if not is_current(home, lock)}


def set_up(wanted: Dict[Path, Path]) -> None:
    """Makes what is missing or out of date."""
    if not find_stale(wanted):
        return
    check_links()
    with hold_lock():
        stale = find_stale(wanted)
        if stale:
            python = find_python()
            uv = install_uv(python or sys.executable)
            for home, lock in stale.items():
                make_environment(home, lock, uv, python)


def interrupt(_number: int, _frame: object) -> NoReturn:
    """Ctrl-C, or another signal to end: ends the set-up with the programs that it runs."""
    raise KeyboardInterrupt


def main() -> None:
    """Sets up, and says in one line what kept it from doing so."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        wanted = dict(ENVIRONMENTS)
        for name in sys.argv[1:]:
            wanted.update(ON_REQUEST[name])
        set_up(wanted)
    except KeyboardInterrupt:
        print("interrupted; the next command makes what is missing", flush=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        fail(to_reason(error))


if __name__ == "__main__":
    main()
