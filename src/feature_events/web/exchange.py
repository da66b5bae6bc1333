"""Send one HTTP request and read its response, within limits of time and size.

A server that hangs, responds slowly or never stops sending cannot cost an invocation more than these limits.
"""

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_events.deadline import run_within
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.syntax import InvalidJson, parse_json, parse_url

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

RESPONSE_SECONDS = 6.0
"""The time limit of a whole request. It also applies to a slow resolver and to a response sent byte by byte."""
MAX_RESPONSE_BYTES = 1_000_000
"""The size limit of a response: that of the longest schema in Confluent Cloud."""
_PART_BYTES = 65_536

_REFUSAL_ALERT = re.compile(
    "ALERT_[A-Z_]*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)[A-Z_]*"
)
"""OpenSSL's names of the alerts about a client certificate, a missing one, and the TLS versions and ciphers.

https://docs.openssl.org/3.0/man3/SSL_alert_type_string/
"""


class Response(NamedTuple):
    """A complete HTTP response."""

    status: int
    body: Any
    """The parsed JSON, or None if the body is not JSON."""


class SettingNames(NamedTuple):
    """The settings of the client's secret and of the CA certificates, as named in errors."""

    secret: str
    ca: str


class Peer(NamedTuple):
    """A server, as named in errors."""

    name: str
    """The kind of server with its URL."""
    setting: str
    """The setting that contains the URL."""
    kind: str
    """The required kind of URL."""
    settings: SettingNames

    @property
    def url_remedy(self) -> str:
        """What to do if another server responds at the URL."""
        return f"check that {self.setting} is {self.kind}"

    def make_unreached_error(self, reason: str) -> Undelivered:
        """Return the error for a request without a response."""
        return Undelivered(
            f"the {self.name} could not be reached ({reason}): check {self.setting} "
            "and the network path to it (subnets, security groups, DNS)"
        )

    def make_wrong_url_error(self, returned: str) -> Misconfigured:
        """Return the error for a response that such a server does not send, so that the URL must be wrong."""
        return Misconfigured(f"the {self.name} returned {returned}: {self.url_remedy}")


def skip_netrc[T](request: T) -> T:
    """Return the request unchanged, as an `auth` of requests.

    Without an `auth`, requests adds a login from .netrc, even to a request with a token
    (https://github.com/psf/requests/issues/3929). Proxies are still read from the environment.
    """
    return request


def find_proxy(url: str) -> str | None:
    """Return the proxy in the environment that `requests` uses for this URL."""
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url))


def refuse_bad_proxy(peer: Peer, url: str) -> None:
    """Refuse a proxy in the environment that `requests` cannot use.

    Raises:
        Misconfigured: it is not an http or https URL. The function is deployed without the package for SOCKS.

    """
    proxy = find_proxy(url)
    if proxy is not None and parse_url(proxy if "://" in proxy else f"http://{proxy}", "http", "https") is None:
        names = f"{url.partition(':')[0].upper()}_PROXY or ALL_PROXY"
        raise Misconfigured(
            f"the {peer.name} cannot be reached through the proxy in {names}, which must be an http or https URL with "
            "a valid host name: correct the variable, or add the host to NO_PROXY"
        )


def send_request(session: "requests.Session", peer: Peer, method: str, url: str, **content: Any) -> Response:  # noqa: ANN401  # as requests takes it
    """Send a request and return the response, with any status.

    Args:
        session: the session to connect and authenticate with.
        peer: the server, for messages.
        method: GET or POST.
        url: the URL.
        content: `headers`, `json`, `data` or `auth`, as in requests.

    Raises:
        Misconfigured: a certificate is rejected by either side, the response is too long, or the URL cannot be used.
        Undelivered: there was no response within the time limit.

    """
    try:
        return run_within(RESPONSE_SECONDS, partial(_request, session, peer, method, url, content))
    except TimeoutError:
        raise peer.make_unreached_error(f"no response within {RESPONSE_SECONDS:.0f} s") from None
    except FeatureEventsError:
        raise
    except Exception as error:  # noqa: BLE001  # requests lets errors of urllib3 and of Python's parsers through
        raise _classify_error(peer, error) from None


def _request(session: "requests.Session", peer: Peer, method: str, url: str, content: dict[str, Any]) -> Response:
    read = bytearray()
    timeout = CONNECT_SECONDS, READ_SECONDS
    with session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **content) as response:
        for part in response.iter_content(_PART_BYTES):
            read += part
            if len(read) > MAX_RESPONSE_BYTES:
                raise peer.make_wrong_url_error(f"more than {MAX_RESPONSE_BYTES:,} bytes")
    return Response(response.status_code, _parse(bytes(read)))


def _classify_error(peer: Peer, error: Exception) -> FeatureEventsError:
    """Return our error for a connection error, without its text, which may contain secrets."""
    from requests.exceptions import InvalidSchema, InvalidURL
    from urllib3.exceptions import LocationValueError

    if isinstance(error, InvalidURL | InvalidSchema | LocationValueError):
        return Misconfigured(f"the URL of the {peer.name} cannot be used ({type(error).__name__}): {peer.url_remedy}")
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Misconfigured(
            f"the certificate of the {peer.name} is not trusted: check the certificate, and the CA certificates in "
            f"{peer.settings.ca}"
        )
    alert = _REFUSAL_ALERT.search(text)
    if alert:
        return Misconfigured(
            f"the {peer.name} rejected the TLS connection ({alert[0]}): check which TLS versions and ciphers it "
            "allows, and whether it requires a client certificate; if the secret in "
            f"{peer.settings.secret} contains one, check its expiry and its CA"
        )
    return peer.make_unreached_error(type(error).__name__)


def _parse(content: bytes) -> Any:  # noqa: ANN401  # any JSON
    try:
        return parse_json(content)
    except InvalidJson:
        return None
