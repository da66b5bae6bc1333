"""A registry that hangs, trickles or never ends costs no more than the limits of an answer."""

import base64
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from requests.auth import HTTPBasicAuth
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import LocationParseError

from feature_events.errors import Misconfigured, Undelivered
from feature_events.registries import confluent_client
from feature_events.registries.confluent_client import Access, Transport
from feature_events.settings.settings import Settings
from feature_events.web import exchange
from feature_events.web.session import Session
from tests.support.web_server import Answer, ScriptedServer

type ToSettings = Callable[..., Settings]

BODY = b'{"id": 12, "version": 3}'


def test_ask__waits_for_no_registry_that_hangs(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that does not come is not waited for."""
    monkeypatch.setattr(exchange, "READ_SECONDS", 0.1)
    server.script = [Answer(200, b"{}", delay=1)]
    with pytest.raises(Undelivered, match=r"not reached .ReadTimeout."):
        Transport(to_settings()).ask("GET", "/")


def test_ask__waits_for_no_registry_that_trickles(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer has a limit as a whole: where a byte comes each second, no timeout of a socket passes."""
    monkeypatch.setattr(exchange, "ANSWER_SECONDS", 0.2)
    server.script = [Answer(200, BODY, pause=1.0)]
    with pytest.raises(
        Undelivered, match=rf"{server.url} was not reached .no answer within 0 s.: check SchemaRegistry"
    ):
        Transport(to_settings()).ask("GET", "/")


def test_ask__takes_no_part_of_an_answer(server: ScriptedServer, to_settings: ToSettings) -> None:
    """An answer that ends before its length counts as none."""
    server.script = [Answer(200, b'{"id": 12', headers={"Content-Length": "500"})]
    with pytest.raises(Undelivered, match="not reached"):
        Transport(to_settings()).ask("GET", "/")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_ask__reads_no_endless_answer(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Of an answer that is longer than any schema no more is read than that."""
    monkeypatch.setattr(exchange, "MAX_ANSWER_BYTES", 1000)
    server.script = [Answer(status, BODY.ljust(1001))]
    with pytest.raises(Misconfigured, match=r"answers with more than 1,000 bytes: check that SchemaRegistry"):
        Transport(to_settings()).ask("GET", "/")
    server.script = [Answer(status, BODY.ljust(1000))]
    assert Transport(to_settings()).ask("GET", "/") == (status, {"id": 12, "version": 3})


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home directory with a login for every host, which requests reads by default."""
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login someone password stray\ndefault login any password stray\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    assert requests.utils.get_netrc_auth("http://127.0.0.1:1/") == ("someone", "stray")


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("token", ["", "token-1"])
def test_ask__takes_no_login_from_netrc(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """The registry's secret alone says how to authenticate; a login for the host does not replace a token either.

    Reported as https://github.com/psf/requests/issues/3929.
    """
    if token:
        access = Access(Session(), FixedTokens(token))  # type: ignore[arg-type]  # the part that is used
        monkeypatch.setattr(confluent_client, "open_access", lambda *_: access)
    server.script = [Answer(200, b"{}")]
    Transport(to_settings()).ask("GET", "/")
    assert server.authorizations == ([f"Bearer {token}"] if token else [""])


class FixedTokens:
    """A token endpoint that need not be asked."""

    def __init__(self, token: str) -> None:
        self.token = token

    def to_headers(self) -> dict[str, str]:
        """Return the header of this token."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.mark.usefixtures("netrc")
def test_session__keeps_the_login_of_the_secret(server: ScriptedServer) -> None:
    """A login of the session's own is sent, to the registry as to a token endpoint."""
    session = Session()
    session.auth = HTTPBasicAuth("félix".encode(), b"secret")
    server.script = [Answer(200, b"{}")]
    session.get(server.url, timeout=5)
    session.post(server.url, auth=HTTPBasicAuth("client", "secret"), timeout=5)
    sent = [base64.b64decode(each.removeprefix("Basic ")).decode() for each in server.authorizations]
    assert sent == ["félix:secret", "client:secret"]


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401])
def test_ask__follows_no_answer_elsewhere(server: ScriptedServer, to_settings: ToSettings, status: int) -> None:
    """What authenticates the function is sent to the registry alone, and once."""
    headers = {"Location": "http://127.0.0.2:1/login", "WWW-Authenticate": 'Basic realm="registry"'}
    server.script = [Answer(status, b"{}", headers=headers)]
    assert Transport(to_settings()).ask("GET", "/") == (status, {})
    assert (len(server.requests), server.authorizations) == (1, [""])


@pytest.mark.usefixtures("netrc", "no_proxies")
def test_ask__goes_through_the_proxy_of_the_environment(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY and NO_PROXY count as they do for any program, although .netrc does not."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.script = [Answer(200, b"{}")]
    Transport(to_settings(SCHEMA_REGISTRY="http://registry.invalid:8081")).ask("GET", "/subjects")
    assert [each.path for each in server.requests] == ["http://registry.invalid:8081/subjects"]
    assert server.authorizations == [""]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Transport(to_settings()).ask("GET", "/subjects")
    assert server.requests[-1].path == "/subjects"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"no gzip", {"Content-Encoding": "gzip"}),
        (b"no chunk", {"Transfer-Encoding": "chunked"}),
        (b"{}", {"Content-Length": "none"}),
        (b"{}", {"Content-Length": "-1"}),
        (b"{}", {"X-Long": "x" * 70_000}),
        (b"{}", {f"X-{number}": "x" for number in range(200)}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_ask__survives_what_is_hardly_http(
    server: ScriptedServer, to_settings: ToSettings, body: bytes, headers: dict[str, str]
) -> None:
    """What the HTTP client cannot read counts as no answer."""
    server.script = [Answer(200, body, headers=headers)]
    with contextlib.suppress(Undelivered):
        assert Transport(to_settings()).ask("GET", "/") == (200, {})


def test_ask__names_the_registry_where_the_client_raises_anything(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every error of the HTTP client's is one of its own."""

    def fail(*_: object, **__: object) -> None:
        raise UnicodeError("hidden")

    monkeypatch.setattr(requests.Session, "send", fail)
    with pytest.raises(Undelivered, match=rf"{server.url} was not reached .UnicodeError.: check SchemaRegistry"):
        Transport(to_settings()).ask("GET", "/")


@pytest.mark.parametrize("error", [InvalidURL, InvalidSchema, LocationParseError])
def test_ask__needs_a_url_that_the_client_can_ask(
    to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A URL that the HTTP client refuses is not retried."""

    def fail(*_: object, **__: object) -> None:
        raise error("hidden")

    monkeypatch.setattr(requests.Session, "send", fail)
    with pytest.raises(Misconfigured, match=rf"cannot be asked \({error.__name__}\): check that SchemaRegistry"):
        Transport(to_settings()).ask("GET", "/")


@pytest.mark.parametrize(
    "proxy",
    [
        *("http://proxy..internal:3128", f"{'p' * 64}:3128", "http://[", "proxy:port", "socks5://127.0.0.1:1"),
        *("http://[::1]x:3128", "http://proxy:", "http://proxy:3128?", "http://proxy#"),
    ],
)
@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_ask__names_the_variable_of_a_proxy_that_cannot_be_used(
    to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    """Some of them are errors of urllib3, which requests lets through."""
    monkeypatch.setenv(name, proxy)
    settings = to_settings(SCHEMA_REGISTRY="https://registry.invalid")
    with pytest.raises(Misconfigured, match="through the proxy in HTTPS_PROXY or ALL_PROXY, which must be") as raised:
        Transport(settings).ask("GET", "/")
    assert proxy not in str(raised.value)


@pytest.mark.usefixtures("no_proxies")
def test_ask__needs_no_proxy_for_a_host_in_no_proxy(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that is not used may be any."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.script = [Answer(200, BODY)]
    assert Transport(to_settings()).ask("GET", "/").status == 200
