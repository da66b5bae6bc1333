"""The preflight check of a registry that accepts tokens or requires client certificates."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from feature_events.deadline import Deadline
from feature_events.preflight.check import CheckResult
from feature_events.preflight.run import run_checks
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import read_settings
from local.servers.loopback import reserve_port
from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import RegistryProxy, run_registry_proxy
from tests.support.secrets import Secrets
from tests.support.token_endpoint import TokenEndpoint
from tests.support.web_proxy import run_web_proxy

CLIENTS = CertificateAuthority("Clients")


class Bench:
    """The environment of a function whose registry works, without Kafka."""

    def __init__(self, registry: str, ca: str, secret: dict[str, str], secrets: Secrets) -> None:
        self.secret = secret
        self.secrets = secrets
        self.environ = {
            "KAFKA_BROKER_URL": f"127.0.0.1:{reserve_port()}",
            "SCHEMA_REGISTRY": registry,
            "SCHEMA_REGISTRY_SECRET_ARN": secrets.put(secret),
            "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(ca),
            "TOPIC_NAME": f"topic-{uuid4().hex}",
        }
        make_registry(read_settings(self.environ)).ensure_registered()

    def run(self) -> list[CheckResult]:
        """Run the checks and return the results about the registry."""
        checks = run_checks(self.environ, Deadline(60.0))["checks"]
        assert "-----BEGIN" not in str(checks)
        assert "client-secret" not in str(checks)
        broker = self.environ["KAFKA_BROKER_URL"]
        names = ("secret", "DNS", "TCP", "TLS", "token", "schema")
        return [each for each in checks if each["name"].startswith(names) and broker not in each["name"]]

    def change(self, **parts: str) -> None:
        """Change parts of the registry's secret."""
        self.secret |= parts
        self.secrets.change(self.environ["SCHEMA_REGISTRY_SECRET_ARN"], self.secret)


@pytest.fixture
def tokens(
    token_proxy: RegistryProxy, endpoint: TokenEndpoint, registry_authority: CertificateAuthority, secrets: Secrets
) -> Bench:
    """Return a bench whose registry accepts tokens."""
    identity, secret = endpoint.client
    client = {"client_id": identity, "client_secret": secret, "token_url": endpoint.url}
    cloud = {"logical_cluster": "lsrc-1", "identity_pool": "pool-1"}
    return Bench(token_proxy.url, registry_authority.certificate, client | cloud, secrets)


@pytest.fixture
def certificates(registry: str, registry_authority: CertificateAuthority, secrets: Secrets) -> Iterator[Bench]:
    """Start a registry that requires a client certificate."""
    with run_registry_proxy(registry, registry_authority.issue("registry")) as running:
        running.client_ca = CLIENTS.certificate
        yield Bench(running.url, registry_authority.certificate, to_parts(CLIENTS), secrets)


def to_parts(ca: CertificateAuthority, life: timedelta = timedelta(days=1)) -> dict[str, str]:
    """Return the parts of a secret with a certificate issued by this CA."""
    client = ca.issue("client", life=life)
    return {"certificate": client.certificate, "privateKey": client.private_key}


def test_run_checks__tests_the_token_endpoint(tokens: Bench, endpoint: TokenEndpoint) -> None:
    """Its network path is tested, and a token is requested."""
    found = tokens.run()
    assert [each for each in found if not each["ok"]] == []
    host, port = "127.0.0.1", endpoint.url.split("/")[2].partition(":")[2]
    assert [each["name"] for each in found[-5:]] == [
        f"DNS {host}",
        f"TCP {host}:{port}",
        f"TLS {host}:{port}",
        "token endpoint",
        "schema",
    ]
    assert found[-2]["detail"] == f"the token endpoint at {endpoint.url} issues a token"


@pytest.mark.usefixtures("no_proxies")
def test_run_checks__uses_the_proxy(tokens: Bench, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests to token endpoint and registry use HTTPS_PROXY, and the direct path is not tested."""
    with run_web_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        found = [each for each in tokens.run() if not each["name"].startswith(("secret", "DNS"))]
        assert [(each["name"], each["ok"]) for each in found] == [("token endpoint", True), ("schema", True)]
        addresses = {urlsplit(url).netloc for url in (endpoint.url, tokens.environ["SCHEMA_REGISTRY"])}
        assert set(proxy.targets) == addresses


def test_run_checks__uses_client_certificates(certificates: Bench) -> None:
    """The check presents the certificate, and requests no token."""
    found = certificates.run()
    assert [each for each in found if not each["ok"]] == []
    assert "token endpoint" not in [each["name"] for each in found]


@pytest.mark.parametrize(
    ("change", "name", "text"),
    [
        ({"client_secret": "hidden"}, "token endpoint", "returned no token (HTTP 401, invalid_client)"),
        ({"token_url": "https://name.invalid/token"}, "DNS name.invalid", "the name does not resolve"),
        ({"token_url": "https://127.0.0.1:1"}, "TCP", "connection failed"),
        ({"token_url": "http://127.0.0.1"}, "secret SCHEMA_REGISTRY_SECRET_ARN", "must be an https URL"),
        ({"username": "both"}, "secret SCHEMA_REGISTRY_SECRET_ARN", "must have the form"),
        ({"logical_cluster": "lsrc-2"}, "schema", "HTTP 401"),
    ],
)
def test_run_checks__reports_each_fault_of_tokens(tokens: Bench, change: dict[str, str], name: str, text: str) -> None:
    """The right check fails, and checks that depend on it are skipped."""
    tokens.change(**change)
    assert_failed(tokens.run(), name, text)


@pytest.mark.parametrize(
    ("to_change", "name", "text"),
    [
        (lambda: to_parts(CLIENTS, timedelta(days=-1)), "schema", "rejected the TLS connection"),
        (lambda: to_parts(CertificateAuthority("Other")), "schema", "rejected the TLS connection"),
        (
            lambda: {"privateKey": CLIENTS.issue("other").private_key},
            "secret SCHEMA_REGISTRY_SECRET_ARN",
            "privateKey belongs to another certificate",
        ),
    ],
)
def test_run_checks__reports_each_fault_of_a_certificate(
    certificates: Bench, to_change: Callable[[], dict[str, str]], name: str, text: str
) -> None:
    """A refused certificate fails the schema's check, and an invalid one that of the secret."""
    certificates.change(**to_change())
    assert_failed(certificates.run(), name, text)


def assert_failed(found: list[CheckResult], name: str, text: str) -> None:
    """Assert that only this check failed, with this text, and that later checks were skipped."""
    [failed] = [each for each in found if not each["ok"] and not each["detail"].startswith("skipped: ")]
    assert failed["name"].partition(" 127")[0] == name
    assert text in failed["detail"]
    assert not found[-1]["ok"]
