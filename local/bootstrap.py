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

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NoReturn, Optional

ROOT = Path(__file__).resolve().parent.parent
VERSION = (ROOT / ".python-version").read_text().strip()
ENVIRONMENTS = {
    ROOT / ".venv": ROOT / "requirements" / "dev.txt",
    ROOT / ".local" / "lambda": ROOT / "requirements" / "lambda.txt",
}
ON_REQUEST = {name: {ROOT / ".local" / name: ROOT / "requirements" / (name + ".txt")} for name in ("lint", "oldest")}


def fail(message: str) -> NoReturn:
    """Ends with one line for a person."""
    sys.exit("error: " + message)


def run(*command: object) -> bool:
    """Runs a command; its output is shown only when it fails."""
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
    return done.returncode == 0


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
    """The environment for uv: where pip was told of another index, uv is told of it too."""
    env = dict(os.environ)
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
        if not run(python, "-m", "venv", home):
            fail("python3 cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv")
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
        if not run(*pip):
            fail("pip could not install uv (above)")
        mark(home, lock)
    return uv


def make_environment(home: Path, lock: Path, uv: Path, python: Optional[str]) -> None:
    """One environment, exactly as its lock says."""
    env = tool_environment()
    print("set-up: {} from {}".format(home.relative_to(ROOT), lock.relative_to(ROOT)), flush=True)
    shutil.rmtree(str(home), ignore_errors=True)
    made = subprocess.run([str(uv), "venv", "--quiet", "--python", python or VERSION, str(home)], env=env, check=False)
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


def main() -> None:
    """Makes what is missing or out of date."""
    wanted = dict(ENVIRONMENTS)
    for name in sys.argv[1:]:
        wanted.update(ON_REQUEST[name])
    stale = {home: lock for home, lock in wanted.items() if not is_current(home, lock)}
    if not stale:
        return
    python = find_python()
    uv = install_uv(python or sys.executable)
    for home, lock in stale.items():
        make_environment(home, lock, uv, python)


if __name__ == "__main__":
    main()
