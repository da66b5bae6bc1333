"""A proxy before a schema registry, over TLS, that asks for user name and password, as registries in production do."""

import base64
import http.client
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import override
from urllib.parse import urlsplit

from tests.support.certificates import Identity
from tests.support.web_server import serving

REFUSAL = b'{"error_code": 40101, "message": "Unauthorized"}'


class RegistryProxy:
    """The proxy; its user and password may be changed while it runs."""

    def __init__(self, registry: str, url: str, username: str, password: str) -> None:
        self.registry = urlsplit(registry)
        self.url = url
        self.username = username
        self.password = password
        self.asked = 0
        """How many requests there have been."""

    def to_authorization(self) -> str:
        """The header that is accepted."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class _Server(ThreadingHTTPServer):
    """A server on a free port of the loopback with this certificate."""

    daemon_threads = True

    def __init__(self, certificate: Identity, registry: str, username: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = _to_context(certificate).wrap_socket(self.socket, server_side=True)
        url = f"https://127.0.0.1:{self.server_port}{urlsplit(registry).path}"
        self.proxy = RegistryProxy(registry, url, username, password)

    @override
    def handle_error(self, *_: object) -> None:
        """Keeps quiet of clients that do not trust the certificate."""


class _Handler(BaseHTTPRequestHandler):
    """Passes each request on that has user name and password."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def pass_on(self) -> None:
        proxy = self.server.proxy
        proxy.asked += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != proxy.to_authorization():
            self.answer(401, REFUSAL)
            return
        connection = http.client.HTTPConnection(proxy.registry.hostname or "", proxy.registry.port, timeout=30)
        headers = {"Content-Type": self.headers.get("Content-Type", ""), "Accept": self.headers.get("Accept", "")}
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

    do_GET = do_POST = do_PUT = pass_on  # noqa: N815  # the names that the library calls

    @override
    def log_message(self, format: str, *args: object) -> None:  # the library's name
        """Keeps quiet."""


@contextmanager
def run_registry_proxy(registry: str, certificate: Identity, username: str, password: str) -> Iterator[RegistryProxy]:
    """A proxy with this certificate in front of this registry, for as long as the context lasts."""
    server = _Server(certificate, registry, username, password)
    with serving(server):
        yield server.proxy


def _to_context(server: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as chain:
        chain.write(server.private_key + server.certificate)
        chain.flush()
        context.load_cert_chain(Path(chain.name))
    return context
