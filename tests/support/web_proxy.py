"""Run a forward proxy for HTTPS_PROXY. It supports CONNECT, and forwards bytes without reading them."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import override

from tests.support.web_server import serving

_PART_BYTES = 65_536


class WebProxy(ThreadingHTTPServer):
    """The proxy, on a free port of the loopback interface."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.targets: list[str] = []
        """The addresses of CONNECT requests."""


class _Handler(BaseHTTPRequestHandler):
    server: WebProxy

    def do_CONNECT(self) -> None:
        self.server.targets.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_forward, args=(other, self.connection), daemon=True)
            back.start()
            _forward(self.connection, other)
            back.join()

    @override
    def log_message(self, format: str, *args: object) -> None:  # the library's name
        """Log nothing."""


def _forward(source: socket.socket, target: socket.socket) -> None:
    """Forward bytes until one side closes, then close both."""
    with contextlib.suppress(OSError):
        while part := source.recv(_PART_BYTES):
            target.sendall(part)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def run_web_proxy() -> Iterator[WebProxy]:
    """Run a proxy."""
    proxy = WebProxy()
    with serving(proxy):
        yield proxy
