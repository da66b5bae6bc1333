"""With a registry that requires mutual TLS, rejections are explained, and rotations need no deployment."""

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
def mutual_proxy(registry: str, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """Run a proxy for the registry that requires mutual TLS."""
    with run_registry_proxy(registry, registry_authority.issue("registry")) as running:
        running.client_ca = CLIENTS.certificate
        yield running


@pytest.fixture
def bench(
    registry: str, mutual_proxy: RegistryProxy, registry_authority: CertificateAuthority, secrets: Secrets
) -> Bench:
    """Create a valid bench."""
    environ = {
        "SCHEMA_REGISTRY": mutual_proxy.url,
        SECRET: secrets.put(to_secret(CLIENTS.issue("client"))),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(registry_authority.certificate),
        "TOPIC_NAME": f"topic-{uuid4().hex}",
    }
    return Bench(registry, mutual_proxy, secrets, environ)


def to_secret(identity: Identity, **others: str) -> dict[str, str]:
    """Return the secret's value."""
    return {"certificate": identity.certificate, "privateKey": identity.private_key, **others}


def test_registration__authenticates_with_a_certificate(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration uses it, and so does the function, which finds the schema."""
    created = deploy(cloudformation, bench.environ, monkeypatch)
    assert created["Status"] == "SUCCESS"
    schema_id = int(dict(created["Data"])["SchemaId"])  # type: ignore[call-overload]  # the response's data is an object
    assert find_schema(bench.settings, LONG) == Schema(schema_id, SHIPPED_SCHEMA)


@pytest.mark.usefixtures("no_proxies")
def test_find_schema__authenticates_through_a_proxy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the proxy in HTTPS_PROXY, both certificates are still verified."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    with run_web_proxy() as web_proxy:
        monkeypatch.setenv("HTTPS_PROXY", web_proxy.url)
        assert find_schema(bench.settings, LONG).id == schema_id
        assert web_proxy.targets == [urlsplit(bench.proxy.url).netloc]
        bench.secrets.change(bench.environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], CertificateAuthority("Other").certificate)
        with pytest.raises(Misconfigured, match="is not trusted: check the certificate, and the CA certificates"):
            find_schema(bench.settings, LONG)


@pytest.mark.parametrize(
    "secret",
    [
        to_secret(CLIENTS.issue("client", password="key-secret"), privateKeyPassword="key-secret"),  # noqa: S106  # the test's own
        to_secret(CertificateAuthority("Team", CLIENTS).issue("client")),
    ],
    ids=["encrypted key", "intermediate CA"],
)
def test_find_schema__accepts_each_form_of_a_certificate(bench: Bench, secret: dict[str, str]) -> None:
    """A key can be encrypted, and a certificate can be followed by intermediate certificates."""
    registered = make_registry(bench.settings).ensure_registered()
    bench.secrets.change(bench.environ[SECRET], secret)
    assert find_schema(bench.settings, LONG).id == registered.id


def test_find_schema__writes_no_key_to_disk(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No temporary file is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    make_registry(bench.settings).ensure_registered()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "identity",
    [CLIENTS.issue("client", life=timedelta(days=-1)), CertificateAuthority("Other").issue("client")],
    ids=["expired", "another CA"],
)
def test_find_schema__explains_a_rejected_certificate(bench: Bench, identity: Identity) -> None:
    """The error for an expired or untrusted certificate contains the secret's setting."""
    bench.secrets.change(bench.environ[SECRET], to_secret(identity))
    with pytest.raises(Misconfigured, match=REFUSED):
        find_schema(bench.settings, LONG)
    assert bench.proxy.request_count == 0


def test_find_schema__explains_a_missing_certificate(bench: Bench) -> None:
    """The error is the same as for a rejected certificate."""
    environ = {name: text for name, text in bench.environ.items() if name != SECRET}
    with pytest.raises(Misconfigured, match=REFUSED):
        find_schema(read_settings({**environ, "KAFKA_BROKER_URL": "b:9092"}), LONG)


def test_function__recovers_from_a_rotated_certificate(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each invocation fails until the secret is updated."""
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


def test_secret__works_with_confluents_client(
    bench: Bench, registry_authority: CertificateAuthority, tmp_path: Path
) -> None:
    """With the same PEM texts in files, Confluent's Python client reads the same schema."""
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
