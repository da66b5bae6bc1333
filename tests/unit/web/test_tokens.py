"""A token is reused for most of its life, and each response of a token endpoint is classified."""

import base64
from typing import NamedTuple

import certifi
import pytest
import requests

from feature_events.aws.secret import OAuthClient
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.web import exchange
from feature_events.web.exchange import SettingNames
from feature_events.web.session import make_tls_context
from feature_events.web.tokens import AccessToken, TokenClient, make_token_context, open_token_client
from tests.support.certificates import CertificateAuthority
from tests.support.web_server import Answer, ScriptedServer

TOKEN = {"access_token": "token-1", "token_type": "bearer", "expires_in": 100}
SECOND = {**TOKEN, "access_token": "token-2"}
NAMES = SettingNames("SECRET_SETTING", "CA_SETTING")
PRIVATE = CertificateAuthority("Private").certificate
INVALID = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


class Bench(NamedTuple):
    """A token client, its endpoint, and the time."""

    tokens: TokenClient
    server: ScriptedServer
    time: Time

    def show(self) -> str:
        """Return the header that the registry gets."""
        return self.tokens.make_headers()["Authorization"]


@pytest.fixture
def bench(server: ScriptedServer) -> Bench:
    """Create a client of an endpoint that returns two tokens."""
    server.script = [Answer.of(200, TOKEN), Answer.of(200, SECOND)]
    time = Time()
    client = OAuthClient("me", "hidden+:/ø", f"{server.url}/token?tenant=hidden")
    return Bench(TokenClient(client, requests.Session(), NAMES, time), server, time)


@pytest.mark.parametrize(("scope", "body"), [(None, ""), ("a b:c", "&scope=a+b%3Ac")])
def test_make_headers__sends_the_request_of_the_rfc(server: ScriptedServer, scope: str | None, body: str) -> None:
    """Id and secret are sent unencoded in UTF-8, as by Confluent's own clients."""
    server.script = [Answer.of(200, TOKEN)]
    client = OAuthClient("me", "hidden+:/ø", f"{server.url}/token?tenant=7", scope)
    assert TokenClient(client, requests.Session(), NAMES).make_headers() == {"Authorization": "Bearer token-1"}
    assert server.requests == [("POST", "/token?tenant=7", f"grant_type=client_credentials{body}")]
    assert server.content_types == ["application/x-www-form-urlencoded"]
    assert base64.b64decode(server.authorizations[0].removeprefix("Basic ")).decode() == "me:hidden+:/ø"


def test_make_headers__contains_the_headers_of_confluent_cloud(server: ScriptedServer) -> None:
    """Cluster and pool are sent if the secret contains them."""
    server.script = [Answer.of(200, TOKEN)]
    client = OAuthClient("me", "hidden", server.url, logical_cluster="lsrc-1", identity_pool="pool-1")
    assert TokenClient(client, requests.Session(), NAMES).make_headers() == {
        "Authorization": "Bearer token-1",
        "target-sr-cluster": "lsrc-1",
        "Confluent-Identity-Pool-Id": "pool-1",
    }


def test_make_headers__reuses_a_token_for_most_of_its_life(bench: Bench) -> None:
    """A token is replaced before it expires, because a request takes time."""
    shown = []
    for now in (1000.0, 1079.0, 1080.0, 1159.0):
        bench.time.now = now
        shown.append(bench.show())
    assert shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]


@pytest.mark.parametrize(
    "life", [None, "", "1e2", "-1", " 100", "1" * 10, [1], True, 10**400, float("nan"), float("inf")]
)
def test_make_headers__reuses_a_token_without_a_reported_life(bench: Bench, life: object) -> None:
    """The registry rejects an expired token, and the client fetches another."""
    bench.server.script[0] = Answer.of(200, {**TOKEN, "expires_in": life})
    assert bench.show() == "Bearer token-1"
    bench.time.now += 1_000_000
    assert bench.show() == "Bearer token-1"
    bench.tokens.forget()
    assert bench.show() == "Bearer token-2"


def test_make_headers__accepts_a_life_that_is_text(bench: Bench) -> None:
    """Microsoft's endpoint /oauth2/token returns `"expires_in": "3599"`.

    https://github.com/MicrosoftDocs/azure-docs/issues/54997
    """
    bench.server.script[0] = Answer.of(200, {**TOKEN, "expires_in": "100"})
    shown = []
    for now in (1000.0, 1079.0, 1080.0):
        bench.time.now = now
        shown.append(bench.show())
    assert shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("life", [0, "0", -0.0, -1, -(10**400), float("-inf")])
def test_make_headers__uses_an_expired_token_once(bench: Bench, life: float | str) -> None:
    """A token that is reported as expired is replaced for the next request."""
    bench.server.script[0] = Answer.of(200, {**TOKEN, "expires_in": life})
    assert [bench.show(), bench.show()] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (Answer.of(401, {"error": "invalid_client"}), Misconfigured, r"HTTP 401, invalid_client\): check client_id"),
        (Answer.of(400, {"error": "unauthorized_client"}), Misconfigured, r"HTTP 400, unauthorized_client\): check"),
        (Answer.of(400, {"error": "hidden"}), Misconfigured, r"HTTP 400\): check client_id, client_secret and scope"),
        (Answer.of(400, {"error": ["hidden"]}), Misconfigured, r"HTTP 400\): check client_id"),
        (Answer(403, b"hidden"), Misconfigured, r"HTTP 403\): check client_id"),
        (
            Answer(404, b"hidden"),
            Misconfigured,
            r"HTTP 404: check that token_url in the secret in SECRET_SETTING",
        ),
        (Answer(302, b"", headers={"Location": "/hidden"}), Misconfigured, r"HTTP 302: check that token_url"),
        (Answer(429, b"hidden"), Undelivered, r"HTTP 429: check the identity provider; Lambda retries"),
        (Answer(500, b"hidden"), Undelivered, r"HTTP 500: check the identity provider; Lambda retries"),
        (Answer(200, b"<hidden>"), Misconfigured, r"not a JSON object: check that token_url"),
        (Answer(200, b'["hidden"]'), Misconfigured, r"not a JSON object: check that token_url"),
        (Answer.of(200, {"id_token": "hidden"}), Misconfigured, r"without an access_token: check that token_url"),
        (Answer.of(200, {**TOKEN, "access_token": 7}), Misconfigured, r"without an access_token"),
        (Answer.of(200, {**TOKEN, "access_token": "hidden\nX-Other: 1"}), Misconfigured, r"without an access_token"),
        (Answer.of(200, {**TOKEN, "access_token": "hidden\u00f8"}), Misconfigured, r"without an access_token"),
        (Answer.of(200, {**TOKEN, "token_type": "hidden"}), Misconfigured, r"token_type is not Bearer"),
        (Answer.of(200, {**TOKEN, "token_type": None}), Misconfigured, r"token_type is not Bearer"),
        (Answer(200, b"{}".ljust(2000)), Misconfigured, r"more than 1,000 bytes: check that token_url"),
        (Answer(200, b"{}", delay=1.0), Undelivered, r"not be reached \(ReadTimeout\): check token_url in the secret"),
        (Answer(200, b" " * 20, pause=0.05), Undelivered, r"not be reached \(no response within 1 s\): check"),
    ],
)
def test_make_headers__classifies_failures(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: Answer, error: type[FeatureEventsError], text: str
) -> None:
    """Each message contains the endpoint without its query, and nothing from the request or response."""
    for name, value in (("READ_SECONDS", 0.2), ("RESPONSE_SECONDS", 0.6), ("MAX_RESPONSE_BYTES", 1000)):
        monkeypatch.setattr(exchange, name, value)
    bench.server.script[0] = answer
    with pytest.raises(error, match=text) as raised:
        bench.show()
    assert f"the token endpoint at {bench.server.url}/token " in str(raised.value)
    assert "hidden" not in str(raised.value)
    assert len(bench.server.requests) == 1
    monkeypatch.undo()
    assert bench.show() == "Bearer token-2"  # errors are not cached


def test_make_headers__treats_an_unreachable_endpoint_as_temporary() -> None:
    """The message contains what to check."""
    tokens = TokenClient(OAuthClient("me", "hidden", "http://127.0.0.1:1/token"), requests.Session(), NAMES)
    with pytest.raises(
        Undelivered, match=r"127.0.0.1:1/token could not be reached \(ConnectionError\): check token_url"
    ):
        tokens.make_headers()


@pytest.mark.usefixtures("no_proxies")
def test_fetch__names_the_variable_of_an_unusable_proxy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy in the environment also applies to a token endpoint."""
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(Misconfigured, match=r"the token endpoint at .* through the proxy in HTTP_PROXY or ALL_PROXY"):
        bench.tokens.fetch()


def test_access_token__has_a_repr_without_its_text() -> None:
    """The repr contains the life."""
    assert f"{AccessToken('hidden', 7.0)}" == "AccessToken(..., seconds=7.0)"


def test_make_token_context__trusts_public_cas_too() -> None:
    """A private registry or cluster may use a public identity provider."""
    public, private = make_tls_context("", None).get_ca_certs(), make_tls_context("", PRIVATE).get_ca_certs()
    both = make_token_context(PRIVATE, NAMES).get_ca_certs()
    assert sorted(map(str, both)) == sorted(map(str, public + private))
    assert sorted(map(str, make_token_context(None, NAMES).get_ca_certs())) == sorted(map(str, public))


def test_make_token_context__loads_public_cas_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading certifi's list takes longer than all other steps."""
    loaded = []
    where = certifi.where

    def find() -> str:
        loaded.append(where())
        return loaded[-1]

    monkeypatch.setattr(certifi, "where", find)
    make_token_context(None, NAMES)
    assert len(loaded) == 1
    make_token_context(PRIVATE, NAMES)
    assert len(loaded) == 2


def test_open_token_client__names_the_setting_of_an_invalid_certificate() -> None:
    """OpenSSL's error would not name the secret."""
    with pytest.raises(Misconfigured, match="CA_SETTING does not contain valid certificates"):
        open_token_client(OAuthClient("me", "hidden", "https://127.0.0.1:1/token"), INVALID, NAMES)
