"""The common parts of all commands: the command line, signals and errors."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from local.environment import bypass_proxies
from local.errors import LocalError, make_local_error
from local.paths import ROOT
from local.servers.registry import CONFLUENT, GLUE

INTERRUPTED = 130
PLAIN_WIDTH = 150
ONE_INTERRUPTION = 1.0
"""Signals within this many seconds count as one: make, a shell and a terminal may each send their own."""


class Interruption:
    """A handler of termination signals: the first signal unwinds the command, a later one exits immediately.

    After an immediate exit, `reaper.py` still ends the processes, and the next command deletes the data.
    """

    def __init__(self) -> None:
        self._first: float | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle one signal."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise KeyboardInterrupt
        if now - self._first > ONE_INTERRUPTION:
            os._exit(INTERRUPTED)


def make_parser(docstring: str | None) -> argparse.ArgumentParser:
    """Make a parser whose help shows the first line of a docstring."""
    return argparse.ArgumentParser(description=(docstring or "").partition("\n")[0])


def add_registry(parser: argparse.ArgumentParser) -> None:
    """Add the option for the schema registry of the application."""
    parser.add_argument(
        "--registry",
        choices=(CONFLUENT, GLUE),
        default=CONFLUENT,
        help="the schema registry: a Confluent-compatible one or AWS Glue",
    )


def run(command: Callable[[Console], int]) -> NoReturn:
    """Run a command and exit with its status. A termination signal unwinds it as Ctrl-C does."""
    interruption = Interruption()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interruption)
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    try:
        bypass_proxies()
        status = command(console)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]; everything that was started has been stopped")
        status = INTERRUPTED
    except LocalError as error:
        status = _report(console, error)
    except OSError as error:
        status = _report(console, make_local_error(error, ROOT))
    sys.exit(status)


def _report(console: Console, error: LocalError) -> int:
    for text in (f"error: {error}", *getattr(error, "__notes__", ())):
        console.print(f"[red]{escape(text)}[/]", highlight=False, soft_wrap=True)
    return 1
