"""Send requests to a Confluent-compatible schema registry, with the authentication in the settings."""

from typing import NamedTuple

import requests
from requests.auth import HTTPBasicAuth

from feature_events.aws.client_certificate import load_client_certificate
from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.settings.settings import REGISTRY_CA, REGISTRY_CREDENTIALS, Settings
from feature_events.web.exchange import Peer, Response, SettingNames, refuse_bad_proxy, send_request
from feature_events.web.session import Session, TlsContextAdapter, make_tls_context
from feature_events.web.tokens import TokenClient, open_token_client

REGISTRY_SETTINGS = SettingNames(REGISTRY_CREDENTIALS, REGISTRY_CA)

_UNAUTHORIZED = 401

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}


class Access(NamedTuple):
    """A session for the registry, and the client for its tokens if it requires tokens."""

    session: requests.Session
    tokens: TokenClient | None = None


def open_access(secret: str | None, ca_secret: str | None) -> Access:
    """Read the secrets, and return a session that authenticates with them. It has no connection yet.

    Args:
        secret: the ARN of the secret with the credentials, if any.
        ca_secret: the ARN of the secret with the CA certificates to trust instead of the public ones, if any.

    Raises:
        Misconfigured: a secret does not exist, is not readable, or has another form.
        Undelivered: a secret could not be read.

    """
    ca = read_ca(ca_secret)
    credentials = None if secret is None else Secret(REGISTRY_CREDENTIALS, secret).read_credentials()
    session = Session()
    if ca is not None:
        session.mount("https://", TlsContextAdapter(make_tls_context(REGISTRY_CA, ca)))
    match credentials:
        case Login(username, password):
            # requests encodes text as Latin-1, which cannot represent every character
            session.auth = HTTPBasicAuth(username.encode(), password.encode())
        case ClientCertificate():
            context = make_tls_context(REGISTRY_CA, ca)
            load_client_certificate(context, credentials, REGISTRY_CREDENTIALS)
            session.mount("https://", TlsContextAdapter(context))
        case OAuthClient():
            return Access(session, open_token_client(credentials, ca, REGISTRY_SETTINGS))
    return Access(session)


def read_ca(ca_secret: str | None) -> str | None:
    """Return the CA certificates in this secret, PEM, or None without a secret. Raises the same as `open_access`."""
    return None if ca_secret is None else Secret(REGISTRY_CA, ca_secret).read_ca_certificates()


class ConfluentClient:
    """An HTTP client for the registry in the settings. The first request reads the secrets."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self.peer = Peer(
            f"schema registry at {settings.registry}",
            "SchemaRegistry (SCHEMA_REGISTRY)",
            "the base URL of the registry's Confluent-compatible API (Apicurio's ends with /apis/ccompat/v7)",
            REGISTRY_SETTINGS,
        )
        self._secret = settings.registry_secret
        self._ca_secret = settings.registry_ca_secret
        self._access: Access | None = None

    def request(self, method: str, path: str, schema: str | None = None) -> Response:
        """Send a request and return the response, with any status.

        Raises:
            Misconfigured: a secret, a proxy or the registry's certificate is wrong, or the client gets no token.
            Undelivered: there was no response within the limits.

        """
        if self._access is None:
            refuse_bad_proxy(self.peer, self._url)
            self._access = open_access(self._secret, self._ca_secret)
        response = self._send(self._access, method, path, schema)
        if response.status == _UNAUTHORIZED and self._access.tokens:
            # The token became invalid early: it was revoked, or the clocks differ
            self._access.tokens.forget()
            response = self._send(self._access, method, path, schema)
        return response

    def _send(self, access: Access, method: str, path: str, schema: str | None) -> Response:
        headers = _HEADERS | (access.tokens.make_headers() if access.tokens else {})
        json = None if schema is None else {"schema": schema}
        return send_request(access.session, self.peer, method, self._url + path, headers=headers, json=json)
