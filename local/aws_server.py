"""Runs MiniStack so that the functions in it run on another interpreter than its own.

MiniStack starts a Python function on the interpreter it runs on, and that one has every tool of this project installed:
a package missing from the function's layer would be found all the same. AWS's runtime has next to nothing.

Use: aws_server.py PYTHON, where PYTHON is the interpreter for the functions.
"""

import sys


def main() -> None:
    """Serves until it is ended."""
    sys.executable = sys.argv.pop(1)
    from ministack.app import main as serve  # type: ignore[import-untyped]  # noqa: PLC0415 -- reads sys.executable

    serve()


if __name__ == "__main__":
    main()
