"""A web server that answers as it is told, to be a schema registry that misbehaves, or whoever else is asked."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What the server says to one request."""

    status: int
    body: bytes
    delay: float = 0.0
    headers: Mapping[str, str] = {}
    pause: float = 0.0
    """Seconds before each byte of the body."""

    @classmethod
    def of(cls, status: int, body: object) -> "Answer":
        """An answer in JSON."""
        return cls(status, json.dumps(body).encode())


ABSENT = Answer.of(404, {"error_code": 40401, "message": "Subject not found"})
"""What a schema registry answers about a subject that it does not have."""


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    body: Any
    """Parsed where it is JSON, and otherwise the text."""


class ScriptedServer:
    """Answers each request with the script's next line, the last one for ever."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: list[Answer] = []
        self.requests: list[Request] = []
        self.content_types: list[str | None] = []
        """Of the requests, in their order."""
        self.authorizations: list[str] = []
        """The same, empty where there was none."""


class _Web(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the library's own
        """Says nothing of a client that did not wait for the answer, which is what its test is about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def run_scripted_server() -> Iterator[ScriptedServer]:
    """A server on a free port of the loopback, for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.content_types.append(self.headers.get("Content-Type"))
            server.authorizations.append(self.headers.get("Authorization", ""))
            server.requests.append(Request(self.command, self.path, _parse(text) if text else None))
            said = server.script.pop(0) if len(server.script) > 1 else server.script[0]
            time.sleep(said.delay)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for byte in said.body if said.pause else b"":
                time.sleep(said.pause)
                self.wfile.write(bytes([byte]))
            if not said.pause:
                self.wfile.write(said.body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            """Keeps quiet."""

    web = _Web(("127.0.0.1", 0), Handler)
    server = ScriptedServer(f"http://127.0.0.1:{web.server_port}")
    with serving(web):
        yield server


def _parse(body: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


@contextmanager
def serving(web: ThreadingHTTPServer) -> Iterator[None]:
    """Lets a server answer in a thread of its own, and closes it at the end."""
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
