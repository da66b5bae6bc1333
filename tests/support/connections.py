"""Cuts this process's own connections, as a network does under a client that believes them to be open."""

import os
import socket
from contextlib import closing
from pathlib import Path


def cut_connections(port: int) -> int:
    """Ends every connection to this port, and says how many there were."""
    cut = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            copy = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:
            continue  # closed meanwhile
        with closing(copy):
            try:
                is_meant = copy.getpeername()[1] == port
            except (OSError, IndexError, TypeError):
                continue
            if is_meant:
                copy.shutdown(socket.SHUT_RDWR)
                cut += 1
    return cut
