"""Create the Python environments of this project.

This file must run on any python3 from version 3.8, so it imports only the standard library.

| environment | contents | lock in requirements/ |
|---|---|---|
| `.venv` | the tools | dev.txt |
| `.local/lambda` | the packages of AWS's python3.13 runtime | lambda.txt |
| `.local/lint` | linters that conflict with `.venv` | lint.txt |
| `.local/oldest` | the oldest packages of AWS's runtime, and the AWS CLI of the same age | oldest.txt |
| `.local/benchmarks` | the library that draws the plots | benchmarks.txt |

`.local/lambda` contains nothing else, so that a package missing from the layer fails here as it does on AWS. The last
three are created only if an argument names them, such as `bootstrap.py lint`.
"""

# Built-in modules, which load faster than `signal` and `os`
import _signal  # type: ignore[import-not-found]
import posix
import sys

INTERRUPTED = 130


def exit_on_signal(_number: int, _frame: object) -> None:
    """Print one line and exit. During the imports, an exception would print a traceback."""
    posix.write(1, b"interrupted; nothing was installed\n")
    posix._exit(INTERRUPTED)  # noqa: SLF001 -- the same function as os._exit


if __name__ == "__main__":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, exit_on_signal)

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
ON_REQUEST = {
    name: {ROOT / ".local" / name: ROOT / "requirements" / (name + ".txt")} for name in ("lint", "oldest", "benchmarks")
}
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
"""The repository's symbolic links. Some archives replace a link with a text file that contains its target."""


def fail(message: str) -> NoReturn:
    """Exit with a one-line error."""
    sys.exit("error: " + message)


def run(*command: object) -> Optional[str]:
    """Run a command. If it fails, print and return its output; otherwise return None."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=tool_environment(),
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    if done.returncode == 0:
        return None
    sys.stderr.write(output)
    return output


def is_usable(python: str) -> bool:
    """Return whether this interpreter has the required version and can create environments.

    On Debian, the module for environments is a separate package.
    """
    code = "import ensurepip, venv, sys; sys.exit('%d.%d' % sys.version_info[:2] != '" + VERSION + "')"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def find_python() -> Optional[str]:
    """Find a Python with the required version: on PATH, the current one, or one of pyenv."""
    name = "python" + VERSION
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    shim = shutil.which("pyenv")
    roots = [pyenv] + ([Path(shim).resolve().parent.parent] if shim else [])
    from_pyenv = sorted(str(path) for root in roots for path in root.glob("versions/{}.*/bin/{}".format(VERSION, name)))
    for python in [shutil.which(name), sys.executable, *from_pyenv]:
        # The Python of an environment is a link. Its target remains when the environment is removed.
        if python and is_usable(os.path.realpath(python)):
            return os.path.realpath(python)
    return None


def tool_environment() -> Dict[str, str]:
    """Return the variables for pip and uv: both use pip's index and the system's CA certificates.

    A SOCKS proxy in ALL_PROXY is removed, because pip rejects it: https://github.com/psf/requests/issues/3516
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
    """Install the locked version of uv in a separate environment, and return its path."""
    home = ROOT / ".local" / "uv"
    uv = home / "bin" / "uv"
    lock = ROOT / "requirements" / "uv.txt"
    if not is_current(home, lock):
        shutil.rmtree(str(home), ignore_errors=True)
        problem = run(python, "-m", "venv", home)
        if problem is not None and "ensurepip" in problem:
            fail("python3 cannot create virtual environments; on Debian or Ubuntu, run: apt-get install python3-venv")
        if problem is not None:
            fail("python3 could not create the virtual environment .local/uv; see the output above")
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
        if run(*pip) is not None:
            fail("pip could not install uv; see the output above")
        mark(home, lock)
    return uv


def make_environment(home: Path, lock: Path, uv: Path, python: Optional[str]) -> None:
    """Create one environment with exactly the packages of its lock."""
    env = tool_environment()
    print("setup: installing {} from {}".format(home.relative_to(ROOT), lock.relative_to(ROOT)), flush=True)
    shutil.rmtree(str(home), ignore_errors=True)
    made = subprocess.run([str(uv), "venv", "--quiet", "--python", python or VERSION, str(home)], env=env, check=False)
    if made.returncode and python:
        fail("uv could not create {}; see the output above".format(home.relative_to(ROOT)))
    if made.returncode:
        fail(
            "Python {} is not installed, and uv could not download it; install it with pyenv or your system's package "
            "manager, and run this command again".format(VERSION)
        )
    target: List[str] = ["--python", str(home / "bin" / "python")]
    sync = [str(uv), "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", *target, str(lock)]
    if subprocess.run(sync, env=env, check=False).returncode:
        fail("could not install the packages of {}; see the output above".format(lock.relative_to(ROOT)))
    mark(home, lock)


def fingerprint(lock: Path) -> str:
    """Return a hash of the lock and of this checkout's directory."""
    return hashlib.sha256(lock.read_bytes() + str(ROOT).encode()).hexdigest()


def is_current(home: Path, lock: Path) -> bool:
    """Return whether the environment exists and matches its lock."""
    made = home / "made-from"
    return made.exists() and made.read_text() == fingerprint(lock) and (home / "bin" / "python").exists()


def mark(home: Path, lock: Path) -> None:
    """Mark the environment as complete."""
    (home / "made-from").write_text(fingerprint(lock))


def check_links() -> None:
    """Exit with an error if a symbolic link of the repository has become a text file."""
    for name in LINKS:
        path = ROOT / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > os.pathconf("/", "PC_PATH_MAX"):
            continue
        target = path.read_text(errors="replace")
        if "\n" not in target and (path.parent / target).exists():
            fail(
                "{} is a text file, but it should be a symbolic link; unpack the archive with a program that keeps "
                "links, or use git clone with core.symlinks=true".format(name)
            )


def describe_error(error: OSError) -> str:
    """Return why the checkout cannot be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk of {} is full ({}); free about 1 GB and run this command again".format(ROOT, error.strerror)
    return (
        "{} is not writable ({}); clone the repository to a directory that you own, because setup writes to .venv and "
        ".local".format(ROOT, error.strerror)
    )


@contextlib.contextmanager
def lock_setup() -> Iterator[None]:
    """Run one setup of this checkout at a time. Another one waits, and then has nothing left to do."""
    home = ROOT / ".local"
    home.mkdir(exist_ok=True)
    with (home / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another setup in this checkout", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_stale(wanted: Dict[Path, Path]) -> Dict[Path, Path]:
    """Return the environments that are missing or out of date, each with its lock."""
    return {home: lock for home, lock in wanted.items() if not is_current(home, lock)}


def set_up(wanted: Dict[Path, Path]) -> None:
    """Create the environments that are missing or out of date."""
    if not find_stale(wanted):
        return
    check_links()
    with lock_setup():
        stale = find_stale(wanted)
        if stale:
            python = find_python()
            uv = install_uv(python or sys.executable)
            for home, lock in stale.items():
                make_environment(home, lock, uv, python)


def interrupt(_number: int, _frame: object) -> NoReturn:
    """Stop the setup and the programs that it runs."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the setup, and print a failure as one line."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        wanted = dict(ENVIRONMENTS)
        for name in sys.argv[1:]:
            wanted.update(ON_REQUEST[name])
        set_up(wanted)
    except KeyboardInterrupt:
        print("interrupted; the next command resumes the setup", flush=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        fail(describe_error(error))


if __name__ == "__main__":
    main()
