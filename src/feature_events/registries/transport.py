"""Asks a schema registry over HTTP and reads its answers, within limits of time and size.

A registry that hangs, trickles or never ends must cost an invocation no more than these limits.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, override

from feature_events.deadline import run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.settings import Settings

if TYPE_CHECKING:
    import ssl

    import requests
    from requests.adapters import HTTPAdapter

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

ANSWER_SECONDS = 6.0
"""How long one answer may take as a whole, also where a resolver hangs or it comes byte by byte."""
MAX_ANSWER_BYTES = 1_000_000
"""How long an answer may be: as long as the longest schema that a registry of Confluent Cloud takes."""
_PART_BYTES = 65_536

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}


class Answer(NamedTuple):
    """What a registry answered, read to its end."""

    status: int
    body: Any
    """Parsed; None where it is no JSON."""


class Transport:
    """The HTTP session with the registry that the settings name, opened when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self._secret = settings.registry_secret
        self._ca_secret = settings.registry_ca_secret
        self._session: requests.Session | None = None

    def ask(self, method: str, path: str, schema: str | None = None) -> Answer:
        """The registry's answer, whatever its status.

        Raises:
            Misconfigured: a secret or the registry's certificate is not as it should be.
            Undelivered: there was no answer within the limits.

        """
        import requests

        session = self._session = self._session or self._open()
        try:
            return run_within(ANSWER_SECONDS, partial(self._request, session, method, path, schema))
        except TimeoutError:
            raise to_unreached(self._url, f"no answer within {ANSWER_SECONDS:.0f} s") from None
        except requests.RequestException as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Misconfigured(
                    f"the certificate of the schema registry at {self._url} is not trusted: check it, and the CA "
                    "certificates that the function trusts (SCHEMA_REGISTRY_CA_SECRET_ARN)"
                ) from None
            raise to_unreached(self._url, type(error).__name__) from None

    def _request(self, session: "requests.Session", method: str, path: str, schema: str | None) -> Answer:
        """One request's answer, of which no more is read than it may have."""
        content = bytearray()
        with session.request(
            method,
            self._url + path,
            json=None if schema is None else {"schema": schema},
            headers=_HEADERS,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            for part in answer.iter_content(_PART_BYTES):
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise Undelivered(
                        f"the schema registry at {self._url} answers with more than {MAX_ANSWER_BYTES:,} bytes: check "
                        "that SCHEMA_REGISTRY is the base URL of its Confluent interface"
                    )
        return Answer(answer.status_code, _parse(bytes(content)))

    def _open(self) -> "requests.Session":
        import requests

        session = requests.Session()
        if self._ca_secret is not None:
            session.mount("https://", _to_adapter(read_tls_context(self._ca_secret)))
        if self._secret is not None:
            session.auth = _read_basic(self._secret)
        return session


def read_tls_context(arn: str) -> "ssl.SSLContext":
    """Trusts the CA certificates in this secret, and no others."""
    from feature_events.aws.secret import Secret
    from feature_events.network import to_tls_context

    ca = Secret("SCHEMA_REGISTRY_CA_SECRET_ARN", arn)
    return to_tls_context(ca.setting, ca.read_ca_certificates())


def to_unreached(url: str | None, reason: str) -> Undelivered:
    """The error where the registry at this URL has given no answer."""
    return Undelivered(
        f"the schema registry at {url} was not reached ({reason}): check SCHEMA_REGISTRY "
        "and the network path to it (subnets, security groups, DNS)"
    )


def _to_adapter(context: "ssl.SSLContext") -> "HTTPAdapter":
    """Lets requests verify certificates by this context alone; otherwise it takes CA certificates only from files."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        @override
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, ssl_context=context)

        @override
        def cert_verify(self, *_: Any) -> None:
            """Adds no public CA certificates to the context's."""

    return Adapter()


def _read_basic(arn: str) -> Callable[["requests.PreparedRequest"], "requests.PreparedRequest"]:
    from requests.auth import HTTPBasicAuth

    from feature_events.aws.secret import Secret

    login = Secret("SCHEMA_REGISTRY_SECRET_ARN", arn).read_login()
    # As bytes, or other letters than Latin ones could not be sent
    return HTTPBasicAuth(login.username.encode(), login.password.encode())


def _parse(content: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
