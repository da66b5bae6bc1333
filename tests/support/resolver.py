"""A DNS resolver that does not answer, as during a DNS outage of a VPC."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Never
from unittest.mock import patch

from confluent_kafka import Producer

HANGS_SECONDS = 12.0
"""The duration of a look-up: two servers, two attempts each, three seconds per attempt."""


@contextmanager
def hanging_resolver() -> Iterator[threading.Event]:
    """Make every look-up hang within the context; the event is set when one has failed."""
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


class Closing(NamedTuple):
    """The closing of a producer, which blocks until the test has marked the return of the call under test."""

    returned: threading.Event
    ended: threading.Event
    in_time: list[bool]

    def happened_after_return(self, seconds: float) -> bool:
        """Mark the return, and return True if the producer closed only after it."""
        self.returned.set()
        return self.ended.wait(seconds) and self.in_time == [True]


@contextmanager
def blocking_producers(seconds: float) -> Iterator[Closing]:
    """Replace producers by ones whose closing blocks until the return, for at most `seconds`."""
    closing = Closing(threading.Event(), threading.Event(), [])

    class BlockingProducer(Producer):
        def __del__(self) -> None:
            closing.in_time.append(closing.returned.wait(seconds))
            closing.ended.set()

    with patch("feature_events.kafka.producer.Producer", BlockingProducer):
        yield closing
