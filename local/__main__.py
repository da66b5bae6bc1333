"""`python -S local COMMAND`: what every command of `make` for the local stack runs.

Ctrl-C is heard from the first instruction on. Until a command begins, half a second of imports goes by, in which
nothing has been started; a traceback out of the middle of them would tell nobody so. Therefore Python is told (`-S`) to
leave the environment's packages to this program, and nothing is imported before the signals are in hand.
"""

# What `signal` and `os` are made from, and here at once
import _signal  # type: ignore[import-not-found]
import posix
import sys

COMMANDS = {
    "demo": "local.commands.demo",
    "up": "local.commands.up",
    "down": "local.commands.down",
    "tail": "local.commands.tail",
    "put": "local.commands.put",
    "consume": "local.commands.consume",
    "redrive": "local.commands.redrive",
    "backfill": "local.commands.backfill",
    "invoke": "local.commands.invoke",
    "layout": "local.commands.layout",
}
"""Each command, and the module whose main() does it."""
INTERRUPTED = 130


def _end_at_once(_number: int, _frame: object) -> None:
    posix.write(1, b"interrupted; nothing was started\n")
    posix._exit(INTERRUPTED)  # noqa: SLF001 -- as os._exit, which is this


def main() -> None:
    """Runs the command that the first argument names, on the arguments behind it."""
    import site  # noqa: PLC0415 -- see above
    from importlib import import_module  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    if sys.flags.no_site:
        site.main()
    root = Path(__file__).resolve().parent.parent
    sys.path[:0] = [str(root), str(root / "src")]
    module = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if module is None:
        sys.exit(f"use: python -S local {'|'.join(COMMANDS)}")
    sys.argv = [f"make {sys.argv[1]}", *sys.argv[2:]]
    import_module(module).main()


if __name__ == "__main__":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _end_at_once)
    main()
