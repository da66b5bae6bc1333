"""A registry that wants a client certificate: mutual TLS before the real one."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries.schema import find_schema, make_registry
from feature_events.settings.settings import read_settings
from local.servers.registry import Registry
from tests.integration.authentication.registry_bench import Bench, deploy
from tests.support.certificates import CertificateAuthority, Identity
from tests.support.doubles import FakeContext
from tests.support.execution_environment import start_environment
from tests.support.records import to_record
from tests.support.registry_proxy import RegistryProxy, run_registry_proxy
from tests.support.secrets import Secrets
from tests.support.web_proxy import run_web_proxy
from tests.support.web_server import ScriptedServer

LONG = 20.0
SECRET = "SCHEMA_REGISTRY_SECRET_ARN"  # noqa: S105  # a setting's name
CLIENTS = CertificateAuthority("Clients")
REFUSED = r"rejected the TLS connection \(ALERT_\w+\): .* requires a client certificate; .*SCHEMA_REGISTRY_SECRET_ARN"


@pytest.fixture
def mutual_proxy(registry: Registry, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """Mutual TLS before the registry."""
    with run_registry_proxy(registry.url, registry_authority.issue("registry")) as running:
        running.client_ca = CLIENTS.certificate
        yield running


@pytest.fixture
def bench(
    registry: Registry, mutual_proxy: RegistryProxy, registry_authority: CertificateAuthority, secrets: Secrets
) -> Bench:
    """A bench on which everything is right."""
    environ = {
        "SCHEMA_REGISTRY": mutual_proxy.url,
        SECRET: secrets.put(to_secret(CLIENTS.issue("client"))),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(registry_authority.certificate),
        "TOPIC_NAME": f"topic-{uuid4().hex}",
    }
    return Bench(registry, mutual_proxy, secrets, environ)


def to_secret(identity: Identity, **others: str) -> dict[str, str]:
    """The secret's value."""
    return {"certificate": identity.certificate, "privateKey": identity.private_key, **others}


def test_registration__authenticates_by_certificate(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration shows it, and so does the function, which finds what was registered."""
    created = deploy(cloudformation, bench.environ, monkeypatch)
    assert created["Status"] == "SUCCESS"
    schema_id = int(dict(created["Data"])["SchemaId"])  # type: ignore[call-overload]  # an answer's data is an object
    assert find_schema(bench.settings, LONG) == Schema(schema_id, SHIPPED_SCHEMA)


@pytest.mark.usefixtures("no_proxies")
def test_find_schema__authenticates_through_a_proxy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the proxy that HTTPS_PROXY names, the registry is shown the same certificate, and its own is checked."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    with run_web_proxy() as web_proxy:
        monkeypatch.setenv("HTTPS_PROXY", web_proxy.url)
        assert find_schema(bench.settings, LONG).id == schema_id
        assert web_proxy.targets == [urlsplit(bench.proxy.url).netloc]
        bench.secrets.change(bench.environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], CertificateAuthority("Other").certificate)
        with pytest.raises(Misconfigured, match="is not trusted: check it, and the CA certificates"):
            find_schema(bench.settings, LONG)


@pytest.mark.parametrize(
    "secret",
    [
        to_secret(CLIENTS.issue("client", password="key-secret"), privateKeyPassword="key-secret"),  # noqa: S106  # the test's own
        to_secret(CertificateAuthority("Team", CLIENTS).issue("client")),
    ],
    ids=["encrypted key", "intermediate CA"],
)
def test_find_schema__takes_each_form_of_a_certificate(bench: Bench, secret: dict[str, str]) -> None:
    """A key may be encrypted, and a certificate be followed by those between it and the CA."""
    registered = make_registry(bench.settings).ensure_registered()
    bench.secrets.change(bench.environ[SECRET], secret)
    assert find_schema(bench.settings, LONG).id == registered.id


def test_find_schema__leaves_no_key_on_disk(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ssl reads the key from is gone when the registry is asked."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    make_registry(bench.settings).ensure_registered()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "identity",
    [CLIENTS.issue("client", life=timedelta(days=-1)), CertificateAuthority("Other").issue("client")],
    ids=["expired", "another CA"],
)
def test_find_schema__says_that_the_certificate_is_refused(bench: Bench, identity: Identity) -> None:
    """A certificate that has expired or that nobody knows is one clear error."""
    bench.secrets.change(bench.environ[SECRET], to_secret(identity))
    with pytest.raises(Misconfigured, match=REFUSED):
        find_schema(bench.settings, LONG)
    assert bench.proxy.request_count == 0


def test_find_schema__says_that_a_certificate_is_wanted(bench: Bench) -> None:
    """So it is where the function has none."""
    environ = {name: text for name, text in bench.environ.items() if name != SECRET}
    with pytest.raises(Misconfigured, match=REFUSED):
        find_schema(read_settings({**environ, "KAFKA_BROKER_URL": "b:9092"}), LONG)


def test_registration__reports_a_refused_certificate(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack's events say so."""
    bench.proxy.client_ca = CertificateAuthority("Other").certificate
    answer = deploy(cloudformation, bench.environ, monkeypatch)
    assert answer["Status"] == "FAILED"
    assert "rejected the TLS connection" in str(answer["Reason"])
    assert "-----BEGIN" not in str(answer)


def test_function__survives_a_rotated_certificate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the secret is behind the registry each invocation fails; with it changed the next succeeds."""
    make_registry(bench.settings).ensure_registered()
    second = CertificateAuthority("Second")
    bench.proxy.client_ca = second.certificate
    kafka = {"KAFKA_BROKER_URL": "b:9092", "KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}'}
    for name, value in (bench.environ | kafka).items():
        monkeypatch.setenv(name, value)
    function = start_environment()
    with pytest.raises(Misconfigured, match=REFUSED):
        function.handler({"Records": [to_record()]}, FakeContext())
    bench.secrets.change(bench.environ[SECRET], to_secret(second.issue("client")))
    assert function.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


ENCRYPTED = CLIENTS.issue("client", password="key-secret")  # noqa: S106  # the test's own


@pytest.mark.parametrize(
    "secret",
    [
        to_secret(CLIENTS.issue("client")) | {"privateKey": CLIENTS.issue("other").private_key},
        to_secret(ENCRYPTED),
        to_secret(ENCRYPTED, privateKeyPassword="hidden"),  # the test's own
        to_secret(ENCRYPTED, privateKeyPassword="hidden" * 1000),
        {"certificate": "hidden", "privateKey": "hidden"},
    ],
    ids=["another's key", "no password", "wrong password", "long password", "no PEM"],
)
def test_find_schema__says_that_the_secret_is_no_certificate(bench: Bench, secret: dict[str, str]) -> None:
    """What OpenSSL cannot use is named by its setting, and the registry is not asked."""
    bench.secrets.change(bench.environ[SECRET], secret)
    with pytest.raises(Misconfigured, match=rf"the secret in \w+ .{SECRET}. has no usable client") as raised:
        find_schema(bench.settings, LONG)
    assert bench.proxy.request_count == 0
    assert not any(each in str(raised.value) for each in ("hidden", "-----BEGIN"))


def test_secret__has_what_confluents_own_client_takes(
    bench: Bench, registry_authority: CertificateAuthority, tmp_path: Path
) -> None:
    """The same PEM texts, as the files that it wants, let Confluent's Python client read the same schema."""
    registered = make_registry(bench.settings).ensure_registered()
    secret = bench.secrets.read(bench.environ[SECRET])
    files = {
        "ssl.ca.location": registry_authority.certificate,
        "ssl.certificate.location": secret["certificate"],
        "ssl.key.location": secret["privateKey"],
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with SchemaRegistryClient({"url": bench.proxy.url} | {name: str(tmp_path / name) for name in files}) as theirs:
        assert theirs.get_latest_version(bench.subject).schema_id == registered.id
