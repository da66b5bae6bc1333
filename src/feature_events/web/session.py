"""Create sessions of requests with an explicit TLS context."""

import ssl
from typing import Any, override

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager

from feature_events.errors import Misconfigured
from feature_events.web.exchange import skip_netrc


class Session(requests.Session):
    """A session that ignores .netrc and redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = skip_netrc

    @override
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. requests would read the whole response and parse Location, even without following redirects."""


def open_session(context: ssl.SSLContext) -> Session:
    """Return a session that uses this TLS context. It has no connection yet."""
    session = Session()
    session.mount("https://", TlsContextAdapter(context))
    return session


def make_tls_context(setting: str, ca: str | None) -> ssl.SSLContext:
    """Return a context that trusts only these CA certificates, or the public ones if `ca` is None.

    Args:
        setting: the setting of the secret with the CA certificates.
        ca: the CA certificates, PEM.

    Raises:
        Misconfigured: OpenSSL cannot read them.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.load_verify_locations(certifi.where())
        return context
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise Misconfigured(f"the secret in {setting} does not contain valid certificates: store them as PEM") from None
    return context


class TlsContextAdapter(HTTPAdapter):
    """An adapter that uses one TLS context. By default, requests reads certificates only from files."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._context)

    @override
    def proxy_manager_for(self, *args: Any, **options: Any) -> ProxyManager:
        """Use the context for connections through a proxy too."""
        manager: ProxyManager = super().proxy_manager_for(*args, **options, ssl_context=self._context)
        return manager

    @override
    def cert_verify(self, *_: Any) -> None:
        """Do not add the public CA certificates to the context."""
