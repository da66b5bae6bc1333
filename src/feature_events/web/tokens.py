"""Fetch the OAuth 2.0 tokens that authenticate the function to the schema registry or to Kafka.

The grant is client credentials (https://datatracker.ietf.org/doc/html/rfc6749#section-4.4). Client id and secret are
sent with Basic authentication, and Confluent Cloud's headers with the token. Confluent's own client does the same
(https://github.com/confluentinc/confluent-kafka-python, schema_registry_client.py, `bearer.auth.*`).
"""

import math
import re
import ssl
import threading
import time
from typing import Any, NamedTuple, override
from urllib.parse import urlsplit, urlunsplit

import certifi
import requests
from requests.auth import HTTPBasicAuth

from feature_events.aws.secret import OAuthClient
from feature_events.deadline import Clock
from feature_events.errors import Misconfigured, Undelivered
from feature_events.web.exchange import Peer, Response, SettingNames, refuse_bad_proxy, send_request
from feature_events.web.session import make_tls_context, open_session

LIFE_USED = 0.8
"""The part of its life for which a token is used. Confluent's clients use the same part."""

_MOST_SECONDS = 1e9
"""More than thirty years. A larger `expires_in` is not a valid life."""

_REDIRECTS, _TOO_MANY, _SERVER_ERRORS = 300, 429, 500
_REFUSALS = (400, 401, 403)
_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
"""The error codes of a token endpoint (https://datatracker.ietf.org/doc/html/rfc6749#section-5.2)."""


class AccessToken(NamedTuple):
    """A token and its life in seconds, counted from the request. Its repr does not contain the text."""

    text: str
    seconds: float
    """Infinite if the token endpoint does not report it, which is allowed."""

    @override
    def __repr__(self) -> str:
        return f"AccessToken(..., seconds={self.seconds})"


class TokenClient:
    """A client of a token endpoint. It reuses its latest token for most of the token's life.

    Args:
        client: the OAuth client.
        session: the session for the token endpoint.
        settings: the settings, for messages.
        clock: measures a token's life.

    """

    def __init__(
        self,
        client: OAuthClient,
        session: requests.Session,
        settings: SettingNames,
        clock: Clock = time.monotonic,
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self.peer = Peer(
            f"token endpoint at {urlunsplit((*urlsplit(client.token_url)[:3], '', ''))}",
            f"token_url in the secret in {settings.secret}",
            "the URL of an OAuth 2.0 token endpoint",
            settings,
        )
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def make_headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request to a schema registry. Raises the same as `fetch`."""
        with self._lock:  # concurrent requests share one token
            token = self._token
            if token is None or self._clock() >= self._until:
                requested = self._clock()
                self._token, seconds = token, _ = self.fetch()
                # A token without a known life is used until the registry rejects it
                self._until = requested + LIFE_USED * seconds
        headers = {
            "Authorization": f"Bearer {token}",
            "target-sr-cluster": self._client.logical_cluster,
            "Confluent-Identity-Pool-Id": self._client.identity_pool,
        }
        return {name: text for name, text in headers.items() if text}

    def forget(self) -> None:
        """Forget a token that the registry rejected, so that the next request fetches a new one."""
        self._token = None

    def fetch(self) -> AccessToken:
        """Fetch a new token.

        Raises:
            Misconfigured: the token endpoint rejects the client, its certificate is not trusted, its tokens have
                another type, or another server responds at its URL.
            Undelivered: it did not respond in time, or it is overloaded.

        """
        body = self._read(self._request())
        token, kind, life = body.get("access_token"), body.get("token_type", "Bearer"), body.get("expires_in")
        if type(token) is not str or not re.fullmatch(r"[!-~]+", token):
            raise self.peer.make_wrong_url_error("a response without an access_token")
        if type(kind) is not str or kind.lower() != "bearer":
            raise Misconfigured(
                f"the {self.peer.name} returned a token whose token_type is not Bearer: change the client's settings "
                "in the identity provider"
            )
        return AccessToken(token, _read_life(life))

    def _request(self) -> Response:
        # RFC 6749 requires id and secret to be form-encoded first. Kafka's and Confluent's clients do not encode them,
        # so identity providers accept them unencoded (KIP-1025: https://github.com/apache/kafka/pull/15475).
        refuse_bad_proxy(self.peer, self._client.token_url)
        login = HTTPBasicAuth(self._client.client_id.encode(), self._client.client_secret.encode())
        scope = {"scope": self._client.scope} if self._client.scope else {}
        data = {"grant_type": "client_credentials", **scope}
        headers = {"Accept": "application/json"}
        url = self._client.token_url
        return send_request(self._session, self.peer, "POST", url, headers=headers, data=data, auth=login)

    def _read(self, response: Response) -> dict[str, Any]:
        """Return the JSON object in a successful response."""
        status, body = response.status, response.body if type(response.body) is dict else {}
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(
                f"the {self.peer.name} returned HTTP {status}: check the identity provider; Lambda retries"
            )
        if status in _REFUSALS:
            error = body.get("error")
            reason = f", {error}" if error in _ERRORS else ""
            raise Misconfigured(
                f"the {self.peer.name} returned no token (HTTP {status}{reason}): check client_id, client_secret and "
                f"scope in the secret in {self.peer.settings.secret}, and that the client may use the grant "
                "client_credentials with client_secret_basic"
            )
        if status >= _REDIRECTS:
            raise self.peer.make_wrong_url_error(f"HTTP {status}")
        if not body:
            raise self.peer.make_wrong_url_error("a response that is not a JSON object")
        return body


def open_token_client(client: OAuthClient, ca: str | None, settings: SettingNames) -> TokenClient:
    """Return a token client that verifies the token endpoint with the context of `make_token_context`."""
    return TokenClient(client, open_session(make_token_context(ca, settings)), settings)


def make_token_context(ca: str | None, settings: SettingNames) -> ssl.SSLContext:
    """Return a context that trusts these CA certificates and the public ones.

    An identity provider can be public even if the registry or the brokers are private.

    Raises:
        Misconfigured: OpenSSL cannot read the CA certificates.

    """
    context = make_tls_context(settings.ca, ca)
    if ca is not None:  # otherwise it trusts them already, and loading them takes milliseconds
        context.load_verify_locations(certifi.where())
    return context


def _read_life(seconds: object) -> float:
    """Return the life of a token from `expires_in`, which is optional; infinite if it is not a number of seconds.

    A token with an infinite life is used until the server rejects it.
    """
    if type(seconds) is str and re.fullmatch("[0-9]{1,9}", seconds):
        # Microsoft's endpoint /oauth2/token returns text: https://github.com/MicrosoftDocs/azure-docs/issues/54997
        return int(seconds)
    if not isinstance(seconds, int | float) or type(seconds) is bool or not seconds < _MOST_SECONDS:  # also for NaN
        return math.inf
    return max(0, seconds)
