"""Resources that are created once and shared by all workers of a test session.

File locks coordinate the workers. They are released when a worker exits, even if it is killed.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from feature_events.events.schema import SHIPPED_SCHEMA
from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def make_once(home: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return a directory that the first worker creates.

    Args:
        home: the directory that all workers share.
        name: the name of the new directory.
        make: creates the directory. If it fails in one worker, the next worker tries again.

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
    """Provide a local stack that all workers use.

    The first worker starts it, and stops it after all other workers have finished. If the first worker is killed, the
    reaper stops the servers, and the next worker that needs a stack starts a new one.

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
            _register_first_schema(stack.registry)
            found.write_text(str(stack.directory))
            fcntl.flock(start, fcntl.LOCK_UN)
            with running:
                yield running
            fcntl.flock(users, fcntl.LOCK_EX)  # wait for all other workers


def _register_first_schema(registry: str) -> None:
    """Register the shipped schema, so that its id is 1, as in the events of version 0.1.0."""
    url = f"{registry}/subjects/first/versions"
    requests.post(url, json={"schema": SHIPPED_SCHEMA}, timeout=30).raise_for_status()
