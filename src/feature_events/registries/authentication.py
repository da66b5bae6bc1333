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

from typing import NamedTuple

import requests
from requests.auth import HTTPBasicAuth

from feature_events.aws.client_certificate import load_client_certificate
from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.settings import REGISTRY_CA, REGISTRY_CREDENTIALS
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
