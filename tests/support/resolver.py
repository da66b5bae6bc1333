"""A resolver that does not answer, as where a VPC's DNS is away."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never
from unittest.mock import patch

HANGS_SECONDS = 12.0
"""How long it hangs: two servers, asked twice, for three seconds each."""


@contextmanager
def hanging_resolver() -> Iterator[threading.Event]:
    """Lets every look-up of a name hang, while the context lasts; the event is set once one has come to its end."""
    ended, released = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> Never:
        released.wait(HANGS_SECONDS)
        ended.set()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with patch.object(socket, "getaddrinfo", look_up):
        try:
            yield ended
        finally:
            released.set()
