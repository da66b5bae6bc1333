"""What every command of the local stack does alike.

It ends cleanly on Ctrl-C and when it is told to end, and says in a line what went wrong.
"""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from local.environment import bypass_proxies
from local.errors import LocalError

INTERRUPTED = 130
PLAIN_WIDTH = 150


def run(command: Callable[[Console], int]) -> NoReturn:
    """Runs a command and exits with its status; a termination signal unwinds it as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    bypass_proxies()
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    try:
        status = command(console)
    except KeyboardInterrupt:
        console.print("[yellow]interrupted[/]; what was started is stopped")
        status = INTERRUPTED
    except LocalError as error:
        for text in (f"error: {error}", *getattr(error, "__notes__", ())):
            console.print(f"[red]{escape(text)}[/]", highlight=False, soft_wrap=True)
        status = 1
    sys.exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
