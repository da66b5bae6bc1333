"""`python -m local COMMAND`: what every command of `make` for the local stack runs.

Ctrl-C is heard from the first instruction on. The imports of a command take half a second, in which nothing has been
started yet; a traceback out of the middle of them would tell nobody so.
"""

import os
import signal
import sys
from importlib import import_module

COMMANDS = {
    "demo": "local.demo",
    "up": "local.up",
    "down": "local.down",
    "tail": "local.tail",
    "put": "local.put",
    "redrive": "local.redrive",
    "invoke": "local.invoke",
}
"""Each command, and the module whose main() does it."""
INTERRUPTED = 130


def _end_at_once(_number: int, _frame: object) -> None:
    os.write(sys.__stdout__.fileno() if sys.__stdout__ else 1, b"interrupted; nothing was started\n")
    os._exit(INTERRUPTED)


def main() -> None:
    """Runs the command that the first argument names, on the arguments behind it."""
    module = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if module is None:
        sys.exit(f"use: python -m local {'|'.join(COMMANDS)}")
    sys.argv = [f"python -m local {sys.argv[1]}", *sys.argv[2:]]
    import_module(module).main()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_at_once)
    main()
