"""A resolver that does not answer, as where a VPC's DNS is away."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Never
from unittest.mock import patch

from confluent_kafka import Producer

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


class End(NamedTuple):
    """The end of a producer whose threads ask for an address until whoever lets go of it has returned."""

    returned: threading.Event
    ended: threading.Event
    in_time: list[bool]

    def came_after_the_return(self, seconds: float) -> bool:
        """Whether nobody has waited for it; says that the return has happened."""
        self.returned.set()
        return self.ended.wait(seconds) and self.in_time == [True]


@contextmanager
def asking_producers(seconds: float) -> Iterator[End]:
    """Makes producers whose end waits for the return, so many seconds at most."""
    end = End(threading.Event(), threading.Event(), [])

    class Asking(Producer):
        def __del__(self) -> None:
            end.in_time.append(end.returned.wait(seconds))
            end.ended.set()

    with patch("feature_events.kafka.producer.Producer", Asking):
        yield end
