"""Run modules of this package as programs in separate processes, each with its own interpreter and heap."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import gettempdir
from types import MappingProxyType
from typing import NamedTuple, TextIO

from local.environment import make_server_environment
from local.paths import ROOT

NOTHING: Mapping[str, str] = MappingProxyType({})


class Output(NamedTuple):
    """The output of a program."""

    text: str
    errors: str


class Program:
    """A running program that responds to each line with a line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def request(self, line: str) -> str:
        """Send a line, and return the program's response."""
        if self._process.stdin is None:
            raise RuntimeError("the program has no input")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> str:
        """Return the next line of the program."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the program has exited; see its error above")
        return line.strip()


@contextmanager
def silence() -> Iterator[None]:
    """Discard printed output, such as the function's metrics and log."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  # a device, not a path
        yield


@contextmanager
def redirect_output() -> Iterator[TextIO]:
    """Provide the standard output, and discard everything else that is printed, even by existing loggers."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, not a path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        yield output


@contextmanager
def run_program(module: str, *arguments: str, settings: Mapping[str, str] = NOTHING) -> Iterator[Program]:
    """Run a module of this package as a program. It must end when its input closes."""
    with subprocess.Popen(  # noqa: S603  # commands built here, not from input
        make_command(module, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_make_environment(settings),
        cwd=ROOT,
    ) as process:
        try:
            yield Program(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()


def run_to_end(command: Sequence[object], settings: Mapping[str, str] = NOTHING) -> Output:
    """Run a program until it succeeds, and return its output."""
    ended = subprocess.run(  # noqa: S603  # commands built here, not from input
        [str(part) for part in command],
        env=_make_environment(settings),
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise RuntimeError(f"{command} failed:\n{ended.stderr}")
    return Output(ended.stdout, ended.stderr)


def make_command(module: str, *arguments: str) -> list[str]:
    """Make the command that runs a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def _make_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Make the program's variables, without those of the caller's shell, which may contain the function's settings."""
    return make_server_environment(Path(gettempdir()), {"PYTHONPATH": "src", **settings})
