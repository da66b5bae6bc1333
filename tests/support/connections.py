"""Close connections of this process without notice to the client, like a network failure."""

import os
import socket
from contextlib import closing
from pathlib import Path


def cut_connections(port: int) -> int:
    """Close every connection to this port, and return their number."""
    cut = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            copy = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # already closed
        with closing(copy):
            try:
                is_match = copy.getpeername()[1] == port
            except (OSError, IndexError, TypeError):
                continue
            if is_match:
                copy.shutdown(socket.SHUT_RDWR)
                cut += 1
    return cut
