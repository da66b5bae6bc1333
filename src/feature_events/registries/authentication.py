"""Says how the function authenticates to the schema registry, which the form of its secret decides.

| secret | the registry is shown |
|---|---|
| none | nothing |
| username, password | both, by HTTP's Basic authentication; an API key and its secret of Confluent Cloud too |
| client_id, client_secret, token_url | a token of that OAuth 2.0 token endpoint |
| certificate, privateKey | the client certificate, in TLS |

The secret is read whenever a schema is looked for. So a rotated one is read by the next invocation, as an error at
the start of an execution environment is not remembered.
"""

import ssl
from typing import Any, NamedTuple, override

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import ProxyManager

from feature_events.aws.client_certificate import load_client_certificate
from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.network import to_tls_context
from feature_events.registries.exchange import add_no_login
from feature_events.registries.tokens import Tokens

SECRET_SETTING, CA_SETTING = "SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN"
SECRET_LABEL = f"SchemaRegistrySecretArn ({SECRET_SETTING})"
"""The setting of the registry's secret, as a deployer knows it."""


class Session(requests.Session):
    """A session that takes no login from .netrc, and looks at no redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = add_no_login

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests would read the whole answer and parse its Location, even if it follows neither."""


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
    credentials = None if secret is None else Secret(SECRET_SETTING, secret).read_credentials()
    session = Session()
    if ca is not None:
        session.mount("https://", _Adapter(to_tls_context(CA_SETTING, ca)))
    match credentials:
        case Login(username, password):
            # As bytes, or other letters than Latin ones could not be sent
            session.auth = HTTPBasicAuth(username.encode(), password.encode())
        case ClientCertificate():
            context = to_registry_context(ca)
            load_client_certificate(context, credentials, SECRET_LABEL)
            session.mount("https://", _Adapter(context))
        case OAuthClient():
            return Access(session, open_tokens(credentials, ca))
    return Access(session)


def read_ca(ca_secret: str | None) -> str | None:
    """The CA certificates in this secret, PEM, where there is one; raises the same as `open_access`."""
    return None if ca_secret is None else Secret(CA_SETTING, ca_secret).read_ca_certificates()


def open_tokens(client: OAuthClient, ca: str | None) -> Tokens:
    """The tokens of this client; the certificate of its token endpoint is checked as `to_token_context` says."""
    session = Session()
    session.mount("https://", _Adapter(to_token_context(ca)))
    return Tokens(client, session)


def to_registry_context(ca: str | None) -> ssl.SSLContext:
    """Trusts these CA certificates and no others, or the public ones; raises Misconfigured where they are none."""
    if ca is not None:
        return to_tls_context(CA_SETTING, ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def to_token_context(ca: str | None) -> ssl.SSLContext:
    """Trusts these CA certificates and the public ones: an identity provider may be private, as the registry, or not.

    Raises the same as `to_registry_context`.
    """
    context = to_registry_context(ca)
    context.load_verify_locations(certifi.where())
    return context


class _Adapter(HTTPAdapter):
    """Lets requests use this TLS context alone; otherwise it takes certificates only from files."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    @override
    def proxy_manager_for(self, *args: Any, **options: Any) -> ProxyManager:
        """Use the context behind a proxy of the environment too."""
        manager: ProxyManager = super().proxy_manager_for(*args, **options, ssl_context=self._context)
        return manager

    @override
    def cert_verify(self, *_: Any) -> None:
        """Adds no public CA certificates to the context's."""
