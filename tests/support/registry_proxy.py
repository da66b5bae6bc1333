"""Run a TLS proxy for a schema registry, as in production.

It requires user name and password, or a client certificate, or forwards other authentication.
"""

import base64
import http.client
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import override
from urllib.parse import urlsplit

from tests.support.certificates import Identity
from tests.support.web_server import serving

REFUSAL = b'{"error_code": 40101, "message": "Unauthorized"}'
FORWARDED = ("Content-Type", "Accept", "Authorization")


def to_basic(username: str, password: str) -> dict[str, str]:
    """Return the header for Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


class RegistryProxy:
    """The proxy. Its requirements can be changed while it runs."""

    def __init__(self, registry: str, url: str) -> None:
        self.registry = urlsplit(registry)
        self.url = url
        self.required: Mapping[str, str] = {}
        """The headers that a request must have."""
        self.client_ca: str | None = None
        """The CA certificate, PEM, of the required client certificate."""
        self.requests: list[dict[str, str]] = []
        """The headers of each request."""

    @property
    def request_count(self) -> int:
        """The number of requests."""
        return len(self.requests)


class _Server(ThreadingHTTPServer):
    """A server on a free port of the loopback interface."""

    daemon_threads = True

    def __init__(self, certificate: Identity, registry: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._certificate = certificate
        url = f"https://127.0.0.1:{self.server_port}{urlsplit(registry).path}"
        self.proxy = RegistryProxy(registry, url)

    @override
    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        assert isinstance(request, socket.socket)
        with to_server_context(self._certificate, self.proxy.client_ca).wrap_socket(
            request, server_side=True
        ) as secure:
            super().finish_request(secure, client_address)

    @override
    def handle_error(self, *_: object) -> None:
        """Ignore clients with which the TLS handshake failed."""


class _Handler(BaseHTTPRequestHandler):
    """A handler that forwards requests with the required headers."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def forward(self) -> None:
        proxy = self.server.proxy
        proxy.requests.append(dict(self.headers))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if any(self.headers.get(name) != text for name, text in proxy.required.items()):
            self.answer(401, REFUSAL)
            return
        connection = http.client.HTTPConnection(proxy.registry.hostname or "", proxy.registry.port, timeout=30)
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        connection.request(self.command, self.path, body or None, headers)
        response = connection.getresponse()
        self.answer(response.status, response.read())
        connection.close()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = forward  # noqa: N815  # the library calls these names

    @override
    def log_message(self, format: str, *args: object) -> None:  # the library's name
        """Log nothing."""


@contextmanager
def run_registry_proxy(registry: str, certificate: Identity) -> Iterator[RegistryProxy]:
    """Run a proxy with this certificate for this registry."""
    server = _Server(certificate, registry)
    with serving(server):
        yield server.proxy


def to_server_context(server: Identity, client_ca: str | None = None) -> ssl.SSLContext:
    """Return a context for a server with this certificate. With a CA, clients need a certificate from it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as chain:
        chain.write(server.private_key + server.certificate)
        chain.flush()
        context.load_cert_chain(Path(chain.name))
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
