"""Sessions of requests that use a TLS context of their own."""

import ssl
from typing import Any, override

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager

from feature_events.errors import Misconfigured
from feature_events.web.exchange import add_no_login


class Session(requests.Session):
    """A session that takes no login from .netrc, and looks at no redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = add_no_login

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests would read the whole answer and parse its Location, even if it follows neither."""


def open_session(context: ssl.SSLContext) -> Session:
    """Return a session, connected to nothing yet, whose TLS uses this context."""
    session = Session()
    session.mount("https://", Adapter(context))
    return session


def to_context(setting: str, ca: str | None) -> ssl.SSLContext:
    """Return a context that trusts these CA certificates and no others, or without any the public ones.

    Args:
        setting: the setting that names the secret of the CA certificates.
        ca: the CA certificates, PEM.

    Raises:
        Misconfigured: OpenSSL cannot read them.

    """
    if ca is not None:
        return to_tls_context(setting, ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def to_tls_context(setting: str, pem: str) -> ssl.SSLContext:
    """Trusts these CA certificates and no others.

    Args:
        setting: the setting that names the secret they are from.
        pem: the certificates.

    Raises:
        Misconfigured: OpenSSL cannot read them.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        raise Misconfigured(
            f"the secret in {setting} holds what OpenSSL cannot read as certificates: write PEM"
        ) from None
    return context


class Adapter(HTTPAdapter):
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
