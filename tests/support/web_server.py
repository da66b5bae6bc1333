"""Run a web server with scripted answers, for example as a schema registry that misbehaves."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """The answer to one request."""

    status: int
    body: bytes
    delay: float = 0.0
    headers: Mapping[str, str] = {}
    pause: float = 0.0
    """Seconds before each byte of the body."""

    @classmethod
    def of(cls, status: int, body: object) -> "Answer":
        """Create an answer with a JSON body."""
        return cls(status, json.dumps(body).encode())


ABSENT = Answer.of(404, {"error_code": 40401, "message": "Subject not found"})
"""A schema registry's answer for an absent subject."""


class Request(NamedTuple):
    """A received request."""

    method: str
    path: str
    body: Any
    """The parsed JSON, or the text if it is not JSON."""


class ScriptedServer:
    """A server that answers each request with the next answer in its script, and repeats the last one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: list[Answer] = []
        self.requests: list[Request] = []
        self.content_types: list[str | None] = []
        """The content types of the requests, in order."""
        self.authorizations: list[str] = []
        """The Authorization headers of the requests. Empty for a request without one."""


class _Web(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # the library's own
        """Ignore clients that disconnect early, which some tests require."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def run_scripted_server() -> Iterator[ScriptedServer]:
    """Run a server on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.content_types.append(self.headers.get("Content-Type"))
            server.authorizations.append(self.headers.get("Authorization", ""))
            server.requests.append(Request(self.command, self.path, _parse(text) if text else None))
            answer = server.script.pop(0) if len(server.script) > 1 else server.script[0]
            time.sleep(answer.delay)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for byte in answer.body if answer.pause else b"":
                time.sleep(answer.pause)
                self.wfile.write(bytes([byte]))
            if not answer.pause:
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815  # the library calls these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            """Log nothing."""

    web = _Web(("127.0.0.1", 0), Handler)
    server = ScriptedServer(f"http://127.0.0.1:{web.server_port}")
    with serving(web):
        yield server


def _parse(body: bytes) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


@contextmanager
def serving(web: ThreadingHTTPServer) -> Iterator[None]:
    """Run a server in a background thread, and close it at the end."""
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
