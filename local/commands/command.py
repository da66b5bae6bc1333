"""What every command of the local stack does alike.

It ends cleanly on Ctrl-C and when it is told to end, and says in a line what went wrong.
"""

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
from local.errors import LocalError, to_local_error
from local.paths import ROOT
from local.servers.registry import CONFLUENT, GLUE

INTERRUPTED = 130
PLAIN_WIDTH = 150
ONE_INTERRUPTION = 1.0
"""Seconds within which several signals are one: make, a shell and a terminal may each send their own."""


class Interruption:
    """What a termination signal does: the first one unwinds the command, a later one ends it at once.

    Then the processes end with this one all the same (`reaper.py`), and the next command removes the data.
    """

    def __init__(self) -> None:
        self._first: float | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Takes one signal."""
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise KeyboardInterrupt
        if now - self._first > ONE_INTERRUPTION:
            os._exit(INTERRUPTED)


def to_parser(docstring: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins as the command's module does; `sys.argv` begins with the command's name."""
    return argparse.ArgumentParser(description=(docstring or "").partition("\n")[0])


def add_registry(parser: argparse.ArgumentParser) -> None:
    """The option by which the application is deployed with the one or the other registry."""
    parser.add_argument(
        "--registry",
        choices=(CONFLUENT, GLUE),
        default=CONFLUENT,
        help="who gives the schema's id: a registry with Confluent's interface, or AWS Glue",
    )


def run(command: Callable[[Console], int]) -> NoReturn:
    """Runs a command and exits with its status; a termination signal unwinds it as Ctrl-C does."""
    interruption = Interruption()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interruption)
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    try:
        bypass_proxies()
        status = command(console)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]; what was started is stopped")
        status = INTERRUPTED
    except LocalError as error:
        status = _tell(console, error)
    except OSError as error:
        status = _tell(console, to_local_error(error, ROOT))
    sys.exit(status)


def _tell(console: Console, error: LocalError) -> int:
    for text in (f"error: {error}", *getattr(error, "__notes__", ())):
        console.print(f"[red]{escape(text)}[/]", highlight=False, soft_wrap=True)
    return 1
