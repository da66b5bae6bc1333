"""Free TCP ports of the loopback interface.

They are taken from below the range that systems give to outgoing connections, so that nobody's client happens to sit
on a server's port between choosing and binding it, or while a broker restarts.
"""

import random
import socket
import threading

LOWEST, HIGHEST = 20_000, 32_000
_given: set[int] = set()
_lock = threading.Lock()


def take_port() -> int:
    """A port on which nothing listens, and which this process has not given away before."""
    with _lock:
        while True:
            port = random.SystemRandom().randrange(LOWEST, HIGHEST)
            if port not in _given and _is_free(port):
                _given.add(port)
                return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
