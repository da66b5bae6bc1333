"""Runs modules of this package as programs, each in a process of its own: an interpreter and a heap to itself."""

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
    """What a program has written."""

    text: str
    errors: str


class Program:
    """A running program that answers each line with a line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, line: str) -> str:
        """The program's answer."""
        if self._process.stdin is None:
            raise RuntimeError("the program has no input")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> str:
        """What the program says next."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the program has ended: see its error above")
        return line.strip()


@contextmanager
def silence() -> Iterator[None]:
    """What a program prints meanwhile, as the function does its metrics and its log, goes to nowhere."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  # a device, not a path
        yield


@contextmanager
def take_output() -> Iterator[TextIO]:
    """This program's output for its answers alone; what else is printed, also by an earlier log, goes to nowhere."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as output:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, not a path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        yield output


@contextmanager
def run_program(module: str, *arguments: str, settings: Mapping[str, str] = NOTHING) -> Iterator[Program]:
    """A module of this package as a program, for as long as the context lasts; it ends with its input."""
    with subprocess.Popen(  # noqa: S603  # every command is built here, none from input
        to_command(module, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_to_environment(settings),
        cwd=ROOT,
    ) as process:
        try:
            yield Program(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()


def run_to_end(command: Sequence[object], settings: Mapping[str, str] = NOTHING) -> Output:
    """What a program writes until it has ended well."""
    ended = subprocess.run(  # noqa: S603  # every command is built here, none from input
        [str(part) for part in command],
        env=_to_environment(settings),
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise RuntimeError(f"{command} has failed:\n{ended.stderr}")
    return Output(ended.stdout, ended.stderr)


def to_command(module: str, *arguments: str) -> list[str]:
    """How to run a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def _to_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's shell, which may hold settings of the function."""
    return make_server_environment(Path(gettempdir()), {"PYTHONPATH": "src", **settings})
