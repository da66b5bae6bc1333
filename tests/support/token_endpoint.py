"""Run an OAuth 2.0 token endpoint over TLS, and a real registry that requires its tokens.

The endpoint checks requests as RFC 6749 requires for client credentials, and signs tokens (JWT, RS256). The registry
verifies signature, audience and expiry. Kafka verifies the tokens with the keys in the signer's `jwks`.
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override
from urllib.parse import parse_qsl
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from local.servers.loopback import is_responding
from local.servers.registry import READY, Registry
from tests.support.certificates import Identity
from tests.support.registry_proxy import to_server_context
from tests.support.web_server import Answer, serving

AUDIENCE = "schema-registry"
_KEY_ID = "key-1"


class Signer:
    """A signer of tokens with its own key."""

    def __init__(self, audience: str = AUDIENCE) -> None:
        self._key = generate_private_key(65537, 2048)
        self.audience = audience
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(der).decode()
        """The DER of the public key as base64, for Quarkus."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY_ID}
        parts = {name: _to_base64(value.to_bytes(256)) for name, value in (("n", numbers.n), ("e", numbers.e))}
        self.jwks = json.dumps({"keys": [key | parts]})
        """The public key as a key set (https://datatracker.ietf.org/doc/html/rfc7517#section-5)."""

    def sign(self, client_id: str, seconds: float) -> str:
        """Sign a token for this client that expires in this many seconds."""
        now = int(time.time())
        claims = {
            "iss": "https://issuer",
            "sub": client_id,
            "aud": self.audience,
            "iat": now,
            "exp": int(now + seconds),
        }
        claims["jti"] = uuid4().hex  # makes each token unique
        signed = f"{_encode({'alg': 'RS256', 'typ': 'JWT', 'kid': _KEY_ID})}.{_encode(claims)}"
        return f"{signed}.{_to_base64(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


class TokenEndpoint:
    """The endpoint. Its client and the life of its tokens can be changed while it runs."""

    def __init__(self, url: str, signer: Signer) -> None:
        self.url = url
        self.signer = signer
        self.client = ("client", "client-secret")
        """The accepted id and secret."""
        self.scopes = {"", "registry:read", "kafka"}
        self.lives: list[float] = []
        """The lives of the next tokens in seconds. Later tokens live for a minute."""
        self.reported_life = 60.0
        """The value of `expires_in`."""
        self.override: Answer | None = None
        """The response to every request, instead of a token."""
        self.request_count = 0
        """The number of requests."""

    def answer(self, authorization: str, content_type: str, body: str) -> Answer:
        """Return the response to a request (https://datatracker.ietf.org/doc/html/rfc6749#section-5)."""
        form = dict(parse_qsl(body, strict_parsing=True))
        media_type = content_type.partition(";")[0]
        if media_type != "application/x-www-form-urlencoded" or form.get("grant_type") != "client_credentials":
            return Answer.of(400, {"error": "unsupported_grant_type"})
        kind, _, encoded = authorization.partition(" ")
        login = base64.b64decode(encoded).decode().split(":")
        if kind != "Basic" or tuple(login) != self.client:
            return Answer.of(401, {"error": "invalid_client", "error_description": f"wrong: {authorization}"})
        if form.get("scope", "") not in self.scopes:
            return Answer.of(400, {"error": "invalid_scope"})
        token = self.signer.sign(self.client[0], self.lives.pop(0) if self.lives else 60.0)
        return Answer.of(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.reported_life})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: TokenEndpoint

    @override
    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect early or do not trust the certificate."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        endpoint.request_count += 1
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = endpoint.override or endpoint.answer(
            self.headers.get("Authorization", ""), self.headers.get("Content-Type", ""), body
        )
        time.sleep(answer.delay)
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.body)

    @override
    def log_message(self, format: str, *args: object) -> None:  # the library's name
        """Log nothing."""


@contextmanager
def run_token_endpoint(certificate: Identity, signer: Signer) -> Iterator[TokenEndpoint]:
    """Run an endpoint with this certificate."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = to_server_context(certificate).wrap_socket(server.socket, server_side=True)
    server.endpoint = TokenEndpoint(f"https://127.0.0.1:{server.server_port}/oauth2/token", signer)
    with serving(server):
        yield server.endpoint


class TokenRegistry(Registry):
    """A real registry that requires tokens from one signer."""

    def __init__(self, directory: Path, signer: Signer) -> None:
        super().__init__(directory)
        self.signer = signer

    @override
    def start(self) -> None:
        """Start the registry with the signer's key, and wait until it is ready."""
        settings = {
            "QUARKUS_OIDC_TENANT_ENABLED": "true",
            "QUARKUS_OIDC_PUBLIC_KEY": self.signer.public_key,
            "QUARKUS_OIDC_CLIENT_ID": AUDIENCE,
            "QUARKUS_OIDC_TOKEN_AUDIENCE": AUDIENCE,
        }
        health = f"http://127.0.0.1:{self._management_port}/health/ready"
        self._launch(settings).wait_until(lambda: is_responding(health), READY)


def _encode(part: dict[str, Any]) -> str:
    return _to_base64(json.dumps(part).encode())


def _to_base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
