"""Free ports and HTTP requests on the loopback interface. The requests use no proxy."""

import fcntl
import os
import random
import socket
import threading
import urllib.request
from functools import cache

from local.paths import cache_directory

# Below the range that systems use for outgoing connections. Otherwise, a client could occupy a server's port between
# its choice and its use, or while a broker restarts.
LOWEST_PORT, HIGHEST_PORT = 20_000, 32_000
_reserved: set[int] = set()
_lock = threading.Lock()
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reserve_port() -> int:
    """Return a port that nothing listens on. No other stack of this user gets it while this process runs."""
    with _lock:
        while True:
            port = random.SystemRandom().randrange(LOWEST_PORT, HIGHEST_PORT)
            if port not in _reserved and _reserve(port) and _is_free(port):
                _reserved.add(port)
                return port


def is_responding(url: str) -> bool:
    """Return whether a GET request to this URL succeeds."""
    try:
        with _opener.open(url, timeout=2) as response:
            return bool(response.status == 200)  # noqa: PLR2004 -- HTTP's OK
    except (OSError, ValueError):
        return False


def put_json(url: str, body: bytes) -> None:
    """Send JSON text with a PUT request, and raise an error unless it succeeds."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")  # noqa: S310 -- a loopback address made here
    _opener.open(request, timeout=10).close()


def _reserve(port: int) -> bool:
    """Lock the byte of this port in a file, until this process ends. Return False if another process has locked it."""
    try:
        fcntl.lockf(_open_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _open_reservations() -> int:
    """Return a descriptor that stays open until this process ends, because closing it would release the locks."""
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    return os.open(directory / "ports", os.O_RDWR | os.O_CREAT)


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
