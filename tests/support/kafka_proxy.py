"""Run a proxy for a broker's TLS listener that breaks or stalls connections at a chosen step of authentication.

The proxy terminates TLS with its own certificate, because it must read the type of each request.
"""

import contextlib
import select
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
"""The steps: Kafka's API keys, and -1 for the first message of TLS."""

_LENGTH_BYTES = 4
_INTERNAL_ERROR = bytes([21, 3, 3, 0, 2, 2, 80])  # a TLS record: alert, fatal, internal_error


def close(connection: socket.socket, _: threading.Event) -> None:
    """Close the connection, like a broker that shuts down."""
    connection.close()


def reset(connection: socket.socket, _: threading.Event) -> None:
    """Reset the connection, like a broker that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(_: socket.socket, ended: threading.Event) -> None:
    """Send no response, like a broker that is overloaded."""
    ended.wait()


def alert(connection: socket.socket, _: threading.Event) -> None:
    """Send the TLS alert for an internal error."""
    connection.sendall(_INTERNAL_ERROR)
    connection.close()


class Fault(NamedTuple):
    """A fault of a connection and its step."""

    step: int
    apply: Callable[[socket.socket, threading.Event], None]


class KafkaProxy:
    """The proxy. Its fault can be changed while it runs. Without a fault it forwards everything."""

    def __init__(self, broker: str, authority: CertificateAuthority) -> None:
        self.fault: Fault | None = None
        self.hits = 0
        """The number of connections with the fault."""
        self.authentications: list[bytes] = []
        """The authentication requests."""
        self._broker = broker.rpartition(":")
        self._server = to_server_context(authority.issue("broker"))
        self._client = ssl.create_default_context(cadata=authority.certificate)
        self._ended = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self) -> None:
        """Accept connections until the end."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._handle, args=[connection], daemon=True).start()

    def end(self) -> None:
        """Accept no further connection, and release stalled ones."""
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _handle(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(1, socket.MSG_PEEK)
            if self._apply_fault(CLIENT_HELLO, connection):
                return
            with (
                self._server.wrap_socket(connection, server_side=True) as client,
                socket.create_connection((self._broker[0], int(self._broker[2]))) as plain,
                self._client.wrap_socket(plain, server_hostname="127.0.0.1") as broker,
            ):
                self._forward(client, broker)

    def _forward(self, client: ssl.SSLSocket, broker: ssl.SSLSocket) -> None:
        """Forward requests and responses until one side closes the connection or a fault is applied.

        One thread does both, because Python crashes if one closes a TLS connection that another one writes to.
        """
        unread = b""
        while True:
            select.select([client, broker], [], [])
            response, part = _receive(broker), _receive(client)
            if b"" in {response, part}:
                return
            client.sendall(response or b"")
            unread += part or b""
            while request := _find_request(unread):
                unread = unread[len(request) :]
                step = int.from_bytes(request[4:6])
                self.authentications += [request] if step == SASL_AUTHENTICATE else []
                if self._apply_fault(step, client):
                    return
                broker.sendall(request)

    def _apply_fault(self, step: int, connection: socket.socket) -> bool:
        fault = self.fault
        if fault is None or fault.step != step:
            return False
        self.hits += 1
        fault.apply(connection, self._ended)
        return True


@contextmanager
def run_kafka_proxy(broker: str, authority: CertificateAuthority) -> Iterator[KafkaProxy]:
    """Run a proxy for the broker at this address."""
    proxy = KafkaProxy(broker, authority)
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.end()
        thread.join()


def _find_request(received: bytes) -> bytes:
    """Return the first request with its length prefix, or nothing if it is not complete."""
    end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES])
    return received[:end] if _LENGTH_BYTES < end <= len(received) else b""


def _receive(connection: ssl.SSLSocket) -> bytes | None:
    """Return everything that has arrived: nothing at the end of the connection, and None if there is no data."""
    found = b""
    connection.settimeout(0)
    try:
        while part := connection.recv(65_536):
            found += part
    except ssl.SSLWantReadError:
        return found or None
    finally:
        connection.settimeout(None)
    return found
