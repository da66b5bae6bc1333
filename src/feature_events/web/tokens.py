"""Asks an OAuth 2.0 token endpoint for the tokens that authenticate the function to the schema registry or to Kafka.

The grant is that of client credentials (https://datatracker.ietf.org/doc/html/rfc6749#section-4.4). Client id and
secret go by Basic authentication, and Confluent Cloud's headers stand beside the token, both as with Confluent's own
client (https://github.com/confluentinc/confluent-kafka-python, schema_registry_client.py, `bearer.auth.*`).
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
from feature_events.web.exchange import Answer, Peer, exchange, refuse_bad_proxy
from feature_events.web.session import open_session, to_context

LIFE_USED = 0.8
"""The part of its life for which a token is used; Confluent's clients use the same."""

_MOST_SECONDS = 1e9
"""More than thirty years: `expires_in` above it is not a life."""

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
"""What a refusal may say of its reason (https://datatracker.ietf.org/doc/html/rfc6749#section-5.2)."""


class Names(NamedTuple):
    """The settings of a client's secret and of the CA certificates, as errors name them."""

    secret: str
    ca: str


class Token(NamedTuple):
    """A token and how many seconds it lives from when it was asked for; its text does not show it."""

    text: str
    seconds: float
    """Infinitely many if the token endpoint does not say, which is allowed."""

    @override
    def __repr__(self) -> str:
        return f"Token(..., seconds={self.seconds})"


class Tokens:
    """The tokens of one client; the latest is kept while it is good. `peer` is the token endpoint, for messages.

    Args:
        client: whose they are.
        session: how the token endpoint is reached.
        names: the settings, for messages.
        clock: to measure a token's life by.

    """

    def __init__(
        self, client: OAuthClient, session: requests.Session, names: Names, clock: Clock = time.monotonic
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self.peer = Peer(
            f"token endpoint at {urlunsplit((*urlsplit(client.token_url)[:3], '', ''))}",
            f"token_url in the secret in {names.secret}",
            "the URL of an OAuth 2.0 token endpoint",
            *names,
        )
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def to_headers(self) -> dict[str, str]:
        """The headers that authenticate one request to a schema registry; raises the same as `fetch`."""
        with self._lock:  # several requests are made at once, and one token is enough for them
            token = self._token
            if token is None or self._clock() >= self._until:
                asked = self._clock()
                self._token, seconds = token, _ = self.fetch()
                # Where its life is not told, the registry will say when it has ended
                self._until = asked + LIFE_USED * seconds
        headers = {
            "Authorization": f"Bearer {token}",
            "target-sr-cluster": self._client.logical_cluster,
            "Confluent-Identity-Pool-Id": self._client.identity_pool,
        }
        return {name: text for name, text in headers.items() if text}

    def forget(self) -> None:
        """Forgets the token, which the registry refuses, so that the next request has a new one."""
        self._token = None

    def fetch(self) -> Token:
        """A new token, which is good from when it was asked for.

        Raises:
            Misconfigured: the token endpoint refuses the client, its certificate is not trusted, it returns tokens of
                another type, or something else answers at its URL.
            Undelivered: it did not answer in time, or it is overloaded.

        """
        body = self._read(self._ask())
        token, kind, life = body.get("access_token"), body.get("token_type", "Bearer"), body.get("expires_in")
        if type(token) is not str or not re.fullmatch(r"[!-~]+", token):
            raise self.peer.to_misplaced("without an access_token")
        if type(kind) is not str or kind.lower() != "bearer":
            raise Misconfigured(
                f"the {self.peer.name} gives tokens whose token_type is not Bearer, the only type that is used: "
                "change the client's settings there"
            )
        return Token(token, _to_life(life))

    def _ask(self) -> Answer:
        # RFC 6749 would have them encoded before they are joined; Kafka's and Confluent's clients do not encode
        # them, so identity providers take them as they are (KIP-1025: https://github.com/apache/kafka/pull/15475)
        refuse_bad_proxy(self.peer, self._client.token_url)
        login = HTTPBasicAuth(self._client.client_id.encode(), self._client.client_secret.encode())
        scope = {"scope": self._client.scope} if self._client.scope else {}
        data = {"grant_type": "client_credentials", **scope}
        headers = {"Accept": "application/json"}
        url = self._client.token_url
        return exchange(self._session, self.peer, "POST", url, headers=headers, data=data, auth=login)

    def _read(self, answer: Answer) -> dict[str, Any]:
        """The answer's JSON object, where the endpoint did as asked."""
        status, body = answer.status, answer.body if type(answer.body) is dict else {}
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(
                f"the {self.peer.name} answers HTTP {status}: check the identity provider; Lambda retries"
            )
        if status in _REFUSALS:
            error = body.get("error")
            reason = f", {error}" if error in _ERRORS else ""
            raise Misconfigured(
                f"the {self.peer.name} gives no token (HTTP {status}{reason}): check client_id, client_secret and "
                f"scope in the secret in {self.peer.secret}, and that the client may use the grant "
                "client_credentials with client_secret_basic"
            )
        if status >= _REDIRECTS:
            raise self.peer.to_misplaced(f"HTTP {status}")
        if not body:
            raise self.peer.to_misplaced("with something that is not a JSON object")
        return body


def open_tokens(client: OAuthClient, ca: str | None, names: Names) -> Tokens:
    """Return the tokens of this client; the token endpoint's certificate is verified as `to_token_context` says."""
    return Tokens(client, open_session(to_token_context(ca, names)), names)


def to_token_context(ca: str | None, names: Names) -> ssl.SSLContext:
    """Return a context that trusts these CA certificates and the public ones.

    An identity provider may be private, as the registry or the brokers are, or public.

    Raises:
        Misconfigured: OpenSSL cannot read the CA certificates.

    """
    context = to_context(names.ca, ca)
    if ca is not None:  # else it trusts them already, and to load them takes milliseconds
        context.load_verify_locations(certifi.where())
    return context


def _to_life(seconds: object) -> float:
    """Return how many seconds a token lives, by `expires_in`: infinitely many if that is not a number of seconds.

    The endpoint need not say how long a token lives. Then the server that it is for says when its life is over.
    """
    if type(seconds) is str and re.fullmatch("[0-9]{1,9}", seconds):
        # As Microsoft's endpoint /oauth2/token has it: https://github.com/MicrosoftDocs/azure-docs/issues/54997
        return int(seconds)
    if not isinstance(seconds, int | float) or type(seconds) is bool or not seconds < _MOST_SECONDS:  # as NaN is not
        return math.inf
    return max(0, seconds)
