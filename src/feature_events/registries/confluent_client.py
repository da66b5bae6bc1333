"""Asks the schema registry that the settings name over HTTP, in the way in which it authenticates the function.

What that needs, `requests` above all, is imported and opened when the registry is first asked.
"""

from typing import NamedTuple

import requests
from requests.auth import HTTPBasicAuth

from feature_events.aws.client_certificate import load_client_certificate
from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.settings.settings import REGISTRY_CA, REGISTRY_CREDENTIALS, Settings
from feature_events.web.exchange import Answer, Peer, exchange, refuse_bad_proxy
from feature_events.web.session import Adapter, Session, to_context
from feature_events.web.tokens import Names, Tokens, open_tokens

NAMES = Names(REGISTRY_CREDENTIALS, REGISTRY_CA)


class Access(NamedTuple):
    """A session with the registry, and where its tokens are from, if it wants any."""

    session: requests.Session
    tokens: Tokens | None = None


def open_access(secret: str | None, ca_secret: str | None) -> Access:
    """How to ask the registry, connected to nothing yet.

    Args:
        secret: the ARN of what authenticates the function, if anything does.
        ca_secret: the ARN of the CA certificates to trust, if they are not the public ones.

    Raises:
        Misconfigured: a secret does not exist, must not be read, or is of another form.
        Undelivered: a secret could not be read.

    """
    ca = read_ca(ca_secret)
    credentials = None if secret is None else Secret(REGISTRY_CREDENTIALS, secret).read_credentials()
    session = Session()
    if ca is not None:
        session.mount("https://", Adapter(to_context(REGISTRY_CA, ca)))
    match credentials:
        case Login(username, password):
            # As bytes, or other letters than Latin ones could not be sent
            session.auth = HTTPBasicAuth(username.encode(), password.encode())
        case ClientCertificate():
            context = to_context(REGISTRY_CA, ca)
            load_client_certificate(context, credentials, REGISTRY_CREDENTIALS)
            session.mount("https://", Adapter(context))
        case OAuthClient():
            return Access(session, open_tokens(credentials, ca, NAMES))
    return Access(session)


def read_ca(ca_secret: str | None) -> str | None:
    """The CA certificates in this secret, PEM, where there is one; raises the same as `open_access`."""
    return None if ca_secret is None else Secret(REGISTRY_CA, ca_secret).read_ca_certificates()


_UNAUTHORIZED = 401

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}


class Transport:
    """The HTTP session with the registry that the settings name, opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self.peer = Peer(
            f"schema registry at {settings.registry}",
            "SchemaRegistry (SCHEMA_REGISTRY)",
            "the base URL of the registry's Confluent-compatible API (Apicurio's ends with /apis/ccompat/v7)",
            REGISTRY_CREDENTIALS,
            REGISTRY_CA,
        )
        self._secret = settings.registry_secret
        self._ca_secret = settings.registry_ca_secret
        self._access: Access | None = None

    def ask(self, method: str, path: str, schema: str | None = None) -> Answer:
        """The registry's answer, whatever its status.

        Raises:
            Misconfigured: a secret, a proxy or the registry's certificate is wrong, or there is no token.
            Undelivered: there was no answer within the limits.

        """
        if self._access is None:
            refuse_bad_proxy(self.peer, self._url)
            self._access = open_access(self._secret, self._ca_secret)
        answer = self._ask(self._access, method, path, schema)
        if answer.status == _UNAUTHORIZED and self._access.tokens:
            # The token has ended early: it was revoked, or the clocks differ
            self._access.tokens.forget()
            answer = self._ask(self._access, method, path, schema)
        return answer

    def _ask(self, access: "Access", method: str, path: str, schema: str | None) -> Answer:
        headers = _HEADERS | (access.tokens.to_headers() if access.tokens else {})
        json = None if schema is None else {"schema": schema}
        return exchange(access.session, self.peer, method, self._url + path, headers=headers, json=json)
