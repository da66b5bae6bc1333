"""Share slow things between the workers of a test session.

The first worker that needs a thing makes it. Locks are released when a worker ends, even if it is killed.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def make_once(home: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return the directory with this name, made by the first worker that asks for it.

    Args:
        home: the directory that all workers share.
        name: the name of the directory.
        make: creates the directory. It runs again if it has failed in another worker.

    """
    directory, done = home / name, home / f"{name}.done"
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(directory)
            done.touch()
    return directory


@contextmanager
def share_stack(home: Path) -> Iterator[RunningStack]:
    """Provide the stack that all workers use.

    The worker that starts it stops it, after all others have finished. If that worker is killed, its servers end with
    it (see `local.servers.reaper`), and the next worker that needs a stack starts another one.

    Args:
        home: the directory that all workers share.

    """
    found = home / "stack"
    with (home / "stack.users").open("w") as users, (home / "stack.start").open("w") as start:
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(start, fcntl.LOCK_EX)
        running = RunningStack.find(Path(found.read_text()), Steps()) if found.exists() else None
        if running is not None:
            fcntl.flock(start, fcntl.LOCK_UN)
            with running:
                yield running
            return
        with Stack() as stack:
            running = RunningStack(stack.directory, Steps(), stack.write_record())
            found.write_text(str(stack.directory))
            fcntl.flock(start, fcntl.LOCK_UN)
            with running:
                yield running
            fcntl.flock(users, fcntl.LOCK_EX)  # waits for all other workers
