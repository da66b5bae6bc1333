"""Execution environments like Lambda's: the runtime's interpreter, a function's directory and its layer.

This project's environment comes from `sam build`. The usual function has a separate layer from `usual.txt`, so neither
sees the other's packages. Neither contains bytecode that is not deployed.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.programs import run_to_end
from local.application.artefacts import build
from local.paths import HOME, LAMBDA_RUNTIME, ROOT
from local.servers.processes import Processes

PYTHON = LAMBDA_RUNTIME / "python3.13"
_UV = HOME / "uv" / "bin" / "uv"
_FOLDER = Path(__file__).parent
_USUAL_LOCK = _FOLDER / "usual.txt"
_USUAL_PACKAGE = _FOLDER / "contenders"

NO_AWS: Mapping[str, str] = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
"""A fictitious account, for signing without requests."""


class Environment(NamedTuple):
    """A function's directory and its layer's."""

    code: Path
    layer: Path

    def start(self, module: str, settings: Mapping[str, str], *arguments: object) -> "StartUsage":
        """Start a function in a new process, and invoke it if an event is given."""
        path = [self.code, self.layer / "python", ROOT]
        own = {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",  # a layer is read-only in Lambda
            **NO_AWS,
            **settings,
        }
        output = run_to_end([PYTHON, "-P", _FOLDER / "start.py", module, *arguments], own)
        return StartUsage(**json.loads(output.text))


class StartUsage(NamedTuple):
    """The seconds of a start, and its resident memory in KiB."""

    bare_cpu: float
    cpu: float
    wall: float
    started_kib: int
    peak_kib: int


class Environments(NamedTuple):
    """The environments of this function and of the usual one."""

    ours: Environment
    usual: Environment


@contextmanager
def make_environments() -> Iterator[Environments]:
    """Build both environments in a temporary directory."""
    with TemporaryDirectory(prefix="environments-") as name:
        directory = Path(name)
        processes = Processes(directory)
        try:
            artefacts = build(processes, directory / "ours")
        finally:
            processes.end()
        yield Environments(Environment(artefacts.code, artefacts.layer), _make_usual(directory / "usual"))


def install(target: Path, *what: str) -> None:
    """Install packages into a directory without bytecode, like `sam build`."""
    command = [_UV, "pip", "install", "--quiet", "--python", PYTHON, "--target", target, *what]
    subprocess.run([str(part) for part in command], check=True)  # noqa: S603  # a command built here, not from input


def _make_usual(directory: Path) -> Environment:
    code, layer = directory / "code", directory / "layer"
    install(layer / "python", "--require-hashes", "-r", str(_USUAL_LOCK))
    package = code / _USUAL_PACKAGE.relative_to(ROOT)
    shutil.copytree(_USUAL_PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package.parent / "__init__.py").touch()
    shutil.copytree(ROOT / "schemas", code / "schemas")
    return Environment(code, layer)
