"""Requests to a registry have limits of time and size, and use only the authentication in the settings."""

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
from feature_events.registries.confluent_client import Access, ConfluentClient
from feature_events.settings.settings import Settings
from feature_events.web import exchange
from feature_events.web.session import Session
from tests.support.web_server import Answer, ScriptedServer

type ToSettings = Callable[..., Settings]

BODY = b'{"id": 12, "version": 3}'


def test_request__times_out_if_the_registry_hangs(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read timeout ends the request."""
    monkeypatch.setattr(exchange, "READ_SECONDS", 0.1)
    server.script = [Answer(200, b"{}", delay=1)]
    with pytest.raises(Undelivered, match=r"could not be reached .ReadTimeout."):
        ConfluentClient(to_settings()).request("GET", "/")


def test_request__times_out_if_the_registry_sends_slowly(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte per second never reaches the socket timeout, so the whole response has a time limit."""
    monkeypatch.setattr(exchange, "RESPONSE_SECONDS", 0.2)
    server.script = [Answer(200, BODY, pause=1.0)]
    with pytest.raises(
        Undelivered, match=rf"{server.url} could not be reached .no response within 0 s.: check SchemaRegistry"
    ):
        ConfluentClient(to_settings()).request("GET", "/")


def test_request__refuses_an_incomplete_response(server: ScriptedServer, to_settings: ToSettings) -> None:
    """A response shorter than its Content-Length counts as none."""
    server.script = [Answer(200, b'{"id": 12', headers={"Content-Length": "500"})]
    with pytest.raises(Undelivered, match="could not be reached"):
        ConfluentClient(to_settings()).request("GET", "/")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_request__limits_the_size_of_a_response(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """No schema is longer than the limit."""
    monkeypatch.setattr(exchange, "MAX_RESPONSE_BYTES", 1000)
    server.script = [Answer(status, BODY.ljust(1001))]
    with pytest.raises(Misconfigured, match=r"returned more than 1,000 bytes: check that SchemaRegistry"):
        ConfluentClient(to_settings()).request("GET", "/")
    server.script = [Answer(status, BODY.ljust(1000))]
    assert ConfluentClient(to_settings()).request("GET", "/") == (status, {"id": 12, "version": 3})


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create a .netrc with a login for every host. requests reads it by default."""
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login someone password stray\ndefault login any password stray\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    assert requests.utils.get_netrc_auth("http://127.0.0.1:1/") == ("someone", "stray")


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("token", ["", "token-1"])
def test_request__ignores_netrc(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Only the registry's secret authenticates. A login for the host does not replace a token.

    Reported as https://github.com/psf/requests/issues/3929.
    """
    if token:
        access = Access(Session(), FixedTokens(token))  # type: ignore[arg-type]  # has the method that is used
        monkeypatch.setattr(confluent_client, "open_access", lambda *_: access)
    server.script = [Answer(200, b"{}")]
    ConfluentClient(to_settings()).request("GET", "/")
    assert server.authorizations == ([f"Bearer {token}"] if token else [""])


class FixedTokens:
    """A token client with a fixed token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def make_headers(self) -> dict[str, str]:
        """Return the header of this token."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.mark.usefixtures("netrc")
def test_session__sends_its_own_login(server: ScriptedServer) -> None:
    """A login of the session or request is sent despite .netrc."""
    session = Session()
    session.auth = HTTPBasicAuth("félix".encode(), b"secret")
    server.script = [Answer(200, b"{}")]
    session.get(server.url, timeout=5)
    session.post(server.url, auth=HTTPBasicAuth("client", "secret"), timeout=5)
    sent = [base64.b64decode(each.removeprefix("Basic ")).decode() for each in server.authorizations]
    assert sent == ["félix:secret", "client:secret"]


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401])
def test_request__follows_no_redirect(server: ScriptedServer, to_settings: ToSettings, status: int) -> None:
    """Credentials are sent only to the registry, and only once."""
    headers = {"Location": "http://127.0.0.2:1/login", "WWW-Authenticate": 'Basic realm="registry"'}
    server.script = [Answer(status, b"{}", headers=headers)]
    assert ConfluentClient(to_settings()).request("GET", "/") == (status, {})
    assert (len(server.requests), server.authorizations) == (1, [""])


@pytest.mark.usefixtures("netrc", "no_proxies")
def test_request__uses_the_proxy_in_the_environment(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY and NO_PROXY apply as in any program, unlike .netrc."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.script = [Answer(200, b"{}")]
    ConfluentClient(to_settings(SCHEMA_REGISTRY="http://registry.invalid:8081")).request("GET", "/subjects")
    assert [each.path for each in server.requests] == ["http://registry.invalid:8081/subjects"]
    assert server.authorizations == [""]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    ConfluentClient(to_settings()).request("GET", "/subjects")
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
def test_request__treats_invalid_http_as_no_response(
    server: ScriptedServer, to_settings: ToSettings, body: bytes, headers: dict[str, str]
) -> None:
    """A response that the HTTP client cannot parse counts as none."""
    server.script = [Answer(200, body, headers=headers)]
    with contextlib.suppress(Undelivered):
        assert ConfluentClient(to_settings()).request("GET", "/") == (200, {})


def test_request__names_the_registry_for_any_error(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every error of requests is its own."""

    def fail(*_: object, **__: object) -> None:
        raise UnicodeError("hidden")

    monkeypatch.setattr(requests.Session, "send", fail)
    with pytest.raises(Undelivered, match=rf"{server.url} could not be reached .UnicodeError.: check SchemaRegistry"):
        ConfluentClient(to_settings()).request("GET", "/")


@pytest.mark.parametrize("error", [InvalidURL, InvalidSchema, LocationParseError])
def test_request__refuses_a_url_that_cannot_be_used(
    to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A URL that the HTTP client rejects is not retried."""

    def fail(*_: object, **__: object) -> None:
        raise error("hidden")

    monkeypatch.setattr(requests.Session, "send", fail)
    with pytest.raises(Misconfigured, match=rf"cannot be used \({error.__name__}\): check that SchemaRegistry"):
        ConfluentClient(to_settings()).request("GET", "/")


@pytest.mark.parametrize(
    "proxy",
    [
        *("http://proxy..internal:3128", f"{'p' * 64}:3128", "http://[", "proxy:port", "socks5://127.0.0.1:1"),
        *("http://[::1]x:3128", "http://proxy:", "http://proxy:3128?", "http://proxy#"),
    ],
)
@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_request__names_the_variable_of_an_unusable_proxy(
    to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    """For some of them, requests lets errors of urllib3 through."""
    monkeypatch.setenv(name, proxy)
    settings = to_settings(SCHEMA_REGISTRY="https://registry.invalid")
    with pytest.raises(Misconfigured, match="through the proxy in HTTPS_PROXY or ALL_PROXY, which must be") as raised:
        ConfluentClient(settings).request("GET", "/")
    assert proxy not in str(raised.value)


@pytest.mark.usefixtures("no_proxies")
def test_request__ignores_the_proxy_for_a_host_in_no_proxy(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unused proxy need not be valid."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.script = [Answer(200, BODY)]
    assert ConfluentClient(to_settings()).request("GET", "/").status == 200
