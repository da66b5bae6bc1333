"""A proxy before a broker's TLS listener, which loses or withholds a connection at a chosen step of authenticating.

Behind TLS a request shows its kind only to who ends the connection, so the proxy does, under a certificate of its own.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import to_server_context

CLIENT_HELLO, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = -1, 17, 18, 36
"""The steps: Kafka's numbers of requests, and before them TLS's first message."""

_INTERNAL_ERROR = bytes([21, 3, 3, 0, 2, 2, 80])  # a TLS record: alert, fatal, internal_error


def close(connection: socket.socket, _: threading.Event) -> None:
    """Ends the connection, as a broker does that shuts down."""
    connection.close()


def reset(connection: socket.socket, _: threading.Event) -> None:
    """Resets the connection, as a broker does that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(_: socket.socket, ended: threading.Event) -> None:
    """Answers nothing, as a broker does that is too busy."""
    ended.wait()


def alert(connection: socket.socket, _: threading.Event) -> None:
    """Sends TLS's alert of an internal error."""
    connection.sendall(_INTERNAL_ERROR)
    connection.close()


class Fault(NamedTuple):
    """What happens to a connection, and at which step."""

    step: int
    happens: Callable[[socket.socket, threading.Event], None]


class KafkaProxy:
    """The proxy; its fault may be changed while it runs, and without one all passes."""

    def __init__(self, broker: str, authority: CertificateAuthority) -> None:
        self.fault: Fault | None = None
        self.seen = 0
        """How many connections have met the fault."""
        self.authentications: list[bytes] = []
        """The requests that authenticated clients."""
        self._broker = broker.rpartition(":")
        self._server = to_server_context(authority.issue("broker"))
        self._client = ssl.create_default_context(cadata=authority.certificate)
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Takes connections until the end."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._handle, args=[connection], daemon=True).start()

    def end(self) -> None:
        """Takes no further connection, and lets go of those that hang."""
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _handle(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(1, socket.MSG_PEEK)
            if self._meets_fault(CLIENT_HELLO, connection):
                return
            with (
                self._server.wrap_socket(connection, server_side=True) as client,
                socket.create_connection((self._broker[0], int(self._broker[2]))) as plain,
                self._client.wrap_socket(plain, server_hostname="127.0.0.1") as broker,
            ):
                threading.Thread(target=_copy, args=[broker, client], daemon=True).start()
                while request := _read_request(client):
                    step = int.from_bytes(request[4:6])
                    self.authentications += [request] if step == SASL_AUTHENTICATE else []
                    if self._meets_fault(step, client):
                        return
                    broker.sendall(request)

    def _meets_fault(self, step: int, connection: socket.socket) -> bool:
        fault = self.fault
        if fault is None or fault.step != step:
            return False
        self.seen += 1
        fault.happens(connection, self._ended)
        return True


@contextmanager
def run_kafka_proxy(broker: str, authority: CertificateAuthority) -> Iterator[KafkaProxy]:
    """A proxy before the broker at this address, for as long as the context lasts."""
    proxy = KafkaProxy(broker, authority)
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.end()
        thread.join()


def _read_request(client: socket.socket) -> bytes:
    """One request with its length, or nothing at the connection's end."""
    length = _read(client, 4)
    return length + _read(client, int.from_bytes(length))


def _read(client: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (part := client.recv(count - len(found))):
        found += part
    return found


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while part := source.recv(65_536):
            target.sendall(part)
