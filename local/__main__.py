"""Run the commands of `make` for the local stack: `python -S local COMMAND`.

A command imports packages for half a second before it starts anything. Ctrl-C during that time must print one line, not
a traceback. This module therefore sets its signal handlers before it imports anything else, and `-S` makes Python leave
the environment's packages to this module.
"""

# Built-in modules, which load faster than `signal` and `os`
import _signal  # type: ignore[import-not-found]
import posix
import sys

COMMANDS = {
    "demo": "local.commands.demo:main",
    "up": "local.commands.background:main_up",
    "down": "local.commands.background:main_down",
    "tail": "local.commands.put_and_tail:main_tail",
    "put": "local.commands.put_and_tail:main_put",
    "pause": "local.commands.pause:main",
    "consume": "local.commands.consume:main",
    "redrive": "local.commands.redrive:main",
    "trace": "local.commands.trace:main",
    "backfill": "local.commands.backfill:main",
    "invoke": "local.commands.invoke:main",
    "layout": "local.commands.layout:main",
    "release": "local.commands.release:main",
}
"""The function that runs each command, as `module:function`."""
INTERRUPTED = 130


def _exit_on_signal(_number: int, _frame: object) -> None:
    posix.write(1, b"interrupted; nothing was started\n")
    posix._exit(INTERRUPTED)  # noqa: SLF001 -- the same function as os._exit


def main() -> None:
    """Run the command in the first argument with the remaining arguments."""
    import site  # noqa: PLC0415 -- see above
    from importlib import import_module  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    if sys.flags.no_site:
        site.main()
    root = Path(__file__).resolve().parent.parent
    sys.path[:0] = [str(root), str(root / "src")]
    target = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if target is None:
        sys.exit(f"usage: python -S local {'|'.join(COMMANDS)}")
    sys.argv = [f"make {sys.argv[1]}", *sys.argv[2:]]
    module, _, function = target.partition(":")
    getattr(import_module(module), function)()


if __name__ == "__main__":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _exit_on_signal)
    main()
