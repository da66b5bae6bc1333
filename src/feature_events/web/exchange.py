"""Has one request answered over HTTP, within limits of time and size.

A server that hangs, trickles or never ends must cost an invocation no more than these limits.
"""

import re
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_events.deadline import run_within
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.json_text import InvalidJson, parse_json
from feature_events.syntax import parse_url

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

ANSWER_SECONDS = 6.0
"""How long one answer may take as a whole, also where a resolver hangs or it comes byte by byte."""
MAX_ANSWER_BYTES = 1_000_000
"""How long an answer may be: as long as the longest schema that a registry of Confluent Cloud takes."""
_PART_BYTES = 65_536

_REFUSAL_ALERT = re.compile(
    "ALERT_[A-Z_]*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY)[A-Z_]*"
)
"""OpenSSL's names of what a server says of a client certificate, or of none, and of what TLS is offered.

https://docs.openssl.org/3.0/man3/SSL_alert_type_string/
"""


class Answer(NamedTuple):
    """What a server answered, read to its end."""

    status: int
    body: Any
    """Parsed; None if it is not JSON."""


class Peer(NamedTuple):
    """Who is asked, as errors name it."""

    name: str
    """With its URL."""
    setting: str
    """Where its URL is written."""
    kind: str
    """What that URL must be."""
    secret: str
    """The setting that names the secret of what authenticates the function, as errors name it."""
    ca: str
    """The setting that names the secret of the CA certificates."""

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where it has given no answer."""
        return Undelivered(
            f"the {self.name} was not reached ({reason}): check {self.setting} "
            "and the network path to it (subnets, security groups, DNS)"
        )

    def to_check(self) -> str:
        """Say what to do if something else answers at its URL."""
        return f"check that {self.setting} is {self.kind}"

    def to_misplaced(self, problem: str) -> Misconfigured:
        """Return the error for an answer that is not the peer's, so that its URL must be wrong."""
        return Misconfigured(f"the {self.name} answers {problem}: {self.to_check()}")


def add_no_login[T](request: T) -> T:
    """Leave a request as it is.

    Without an `auth` of its own, requests adds a login from .netrc, even to a request that has a token
    (https://github.com/psf/requests/issues/3929). Proxies are read from the environment as before.
    """
    return request


def find_proxy(url: str) -> str | None:
    """Return the proxy that `requests` takes from the environment for this URL."""
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url))


def refuse_bad_proxy(peer: Peer, url: str) -> None:
    """Refuse a proxy that `requests` would take from the environment and could not use.

    Raises:
        Misconfigured: it is not an http URL; the function is deployed without the package that SOCKS needs.

    """
    proxy = find_proxy(url)
    if proxy is not None and parse_url(proxy if "://" in proxy else f"http://{proxy}", "http", "https") is None:
        names = f"{url.partition(':')[0].upper()}_PROXY or ALL_PROXY"
        raise Misconfigured(
            f"the {peer.name} cannot be reached through the proxy in {names}, which must be an http or https URL with "
            "a valid host name: correct the variable, or add the host to NO_PROXY"
        )


def exchange(session: "requests.Session", peer: Peer, method: str, url: str, **content: Any) -> Answer:  # noqa: ANN401  # as requests takes it
    """The peer's answer, whatever its status.

    Args:
        session: how to connect and authenticate.
        peer: who is asked.
        method: GET or POST.
        url: where.
        content: headers, `json`, `data` or `auth`, as requests takes them.

    Raises:
        Misconfigured: the peer's certificate is not trusted, it refuses the client's, the answer is too long, or its
            URL is one that cannot be asked.
        Undelivered: there was no answer within the limit of time.

    """
    try:
        return run_within(ANSWER_SECONDS, partial(_request, session, peer, method, url, content))
    except TimeoutError:
        raise peer.to_unreached(f"no answer within {ANSWER_SECONDS:.0f} s") from None
    except FeatureEventsError:
        raise
    except Exception as error:  # noqa: BLE001  # requests lets errors of urllib3 and of Python's parsers through
        raise _to_error(peer, error) from None


def _request(session: "requests.Session", peer: Peer, method: str, url: str, content: dict[str, Any]) -> Answer:
    """One request's answer, of which no more is read than it may have."""
    read = bytearray()
    timeout = CONNECT_SECONDS, READ_SECONDS
    with session.request(method, url, timeout=timeout, allow_redirects=False, stream=True, **content) as answer:
        for part in answer.iter_content(_PART_BYTES):
            read += part
            if len(read) > MAX_ANSWER_BYTES:
                raise peer.to_misplaced(f"with more than {MAX_ANSWER_BYTES:,} bytes")
    return Answer(answer.status_code, _parse(bytes(read)))


def _to_error(peer: Peer, error: Exception) -> FeatureEventsError:
    """What to do about an error of the connection; its text, which may hold anything, is not repeated."""
    from requests.exceptions import InvalidSchema, InvalidURL
    from urllib3.exceptions import LocationValueError

    if isinstance(error, InvalidURL | InvalidSchema | LocationValueError):
        return Misconfigured(f"the {peer.name} cannot be asked ({type(error).__name__}): {peer.to_check()}")
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Misconfigured(
            f"the certificate of the {peer.name} is not trusted: check it, and the CA certificates that the function "
            f"trusts: {peer.ca}"
        )
    alert = _REFUSAL_ALERT.search(text)
    if alert:
        return Misconfigured(
            f"the {peer.name} refuses the TLS connection ({alert[0]}): check its versions and ciphers of TLS, and "
            f"whether it wants a client certificate; one that is shown is in the secret in {peer.secret}: "
            "check when it expires, and which CA issued it"
        )
    return peer.to_unreached(type(error).__name__)


def _parse(content: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return parse_json(content)
    except InvalidJson:
        return None
