"""The stack of `make up` is started and stopped by one command at a time.

Two that start it at once, or one that stops what another starts, would take each other's processes and data away.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from local.errors import LocalError
from local.paths import HOME

LOCK = HOME / "stack.lock"


@contextlib.contextmanager
def hold(command: str, lock: Path = LOCK) -> Iterator[None]:
    """Holds the lock while the block runs; the system lets go of it where this process ends in whatever way.

    Raises:
        LocalError: another command holds it.

    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another command"
            raise LocalError(f"{holder} is starting or stopping the local stack: wait until it is done") from None
        file.truncate(0)
        file.write(f"`{command}` (process {os.getpid()})")
        file.flush()
        yield
