"""With a registry that requires OAuth tokens, tokens are reused and replaced, and rejections are explained."""

import gc
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries.schema import find_schema, make_registry
from tests.integration.authentication.registry_bench import Bench, deploy
from tests.support.certificates import CertificateAuthority
from tests.support.doubles import FakeContext
from tests.support.execution_environment import start_environment
from tests.support.records import to_record
from tests.support.registry_proxy import RegistryProxy
from tests.support.secrets import Secrets
from tests.support.token_endpoint import TokenEndpoint, TokenRegistry
from tests.support.web_server import ScriptedServer

LONG = 20.0
SECRET = "SCHEMA_REGISTRY_SECRET_ARN"  # noqa: S105  # a setting's name


@pytest.fixture
def client(endpoint: TokenEndpoint) -> dict[str, str]:
    """Return the secret's value."""
    return {
        "client_id": endpoint.client[0],
        "client_secret": endpoint.client[1],
        "token_url": f"{endpoint.url}?tenant=hidden",
        "scope": "registry:read",
        "logical_cluster": "lsrc-1",
        "identity_pool": "pool-1",
    }


@pytest.fixture
def bench(
    token_registry: TokenRegistry,
    token_proxy: RegistryProxy,
    registry_authority: CertificateAuthority,
    client: dict[str, str],
    secrets: Secrets,
) -> Bench:
    """Create a valid bench."""
    environ = {
        "SCHEMA_REGISTRY": token_proxy.url,
        SECRET: secrets.put(client),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(registry_authority.certificate),
        "TOPIC_NAME": f"topic-{uuid4().hex}",
    }
    return Bench(token_registry.url, token_proxy, secrets, environ)


def test_registration__authenticates_with_a_token(
    bench: Bench, endpoint: TokenEndpoint, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole registration uses one token, and the function finds the schema with its own."""
    created = deploy(cloudformation, bench.environ, monkeypatch)
    assert created["Status"] == "SUCCESS"
    assert (endpoint.request_count, bench.proxy.request_count) == (1, 5)
    schema_id = int(dict(created["Data"])["SchemaId"])  # type: ignore[call-overload]  # the response's data is an object
    assert find_schema(bench.settings, LONG) == Schema(schema_id, SHIPPED_SCHEMA)
    assert endpoint.request_count == 2


def test_find_schema__replaces_a_token_that_expired_early(bench: Bench, endpoint: TokenEndpoint) -> None:
    """A token that expires earlier than reported is replaced once."""
    registered = make_registry(bench.settings).ensure_registered()
    endpoint.lives, endpoint.request_count, bench.proxy.requests[:] = [-60.0], 0, []
    assert find_schema(bench.settings, LONG).id == registered.id
    assert (endpoint.request_count, bench.proxy.request_count) == (2, 2)


def test_find_schema__fails_if_the_new_token_is_rejected_too(bench: Bench, endpoint: TokenEndpoint) -> None:
    """The client fetches only one more token."""
    endpoint.lives = [-60.0] * 9
    with pytest.raises(Misconfigured, match=rf"HTTP 401.* check the secret in \w+ \({SECRET}\)"):
        find_schema(bench.settings, LONG)
    assert (endpoint.request_count, bench.proxy.request_count) == (2, 2)


def test_function__recovers_from_a_rotated_client_secret(
    bench: Bench, endpoint: TokenEndpoint, client: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each invocation fails until the secret is updated."""
    make_registry(bench.settings).ensure_registered()
    endpoint.client = ("client", "secønd/secret+")
    kafka = {"KAFKA_BROKER_URL": "b:9092", "KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}'}
    for name, value in (bench.environ | kafka).items():
        monkeypatch.setenv(name, value)
    function = start_environment()
    with pytest.raises(Misconfigured, match=r"token endpoint at .* returned no token \(HTTP 401, invalid_client\)"):
        function.handler({"Records": [to_record()]}, FakeContext())
    bench.secrets.change(bench.environ[SECRET], {**client, "client_secret": endpoint.client[1]})
    assert function.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


@pytest.mark.parametrize("change", [{"logical_cluster": "lsrc-hidden"}, {"identity_pool": ""}])
def test_find_schema__explains_a_rejection_by_the_registry(
    bench: Bench, client: dict[str, str], change: dict[str, str]
) -> None:
    """The error contains what to change, without secrets."""
    bench.secrets.change(bench.environ[SECRET], client | change)
    remedy = r"denied access to .* \(HTTP 401\): grant it, and check the secret"
    with pytest.raises(Misconfigured, match=remedy) as raised:
        find_schema(bench.settings, LONG)
    assert not any(each in str(raised.value) for each in ("hidden", "client-secret", "Basic"))


def test_find_schema__does_not_send_the_client_secret_to_an_untrusted_endpoint(
    bench: Bench, endpoint: TokenEndpoint
) -> None:
    """Neither the endpoint nor the registry gets a request."""
    ca = CertificateAuthority("Other").certificate
    bench.secrets.change(bench.environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], ca)
    with pytest.raises(
        Misconfigured, match=r"certificate of the token endpoint at .* is not trusted: check the certificate"
    ):
        find_schema(bench.settings, LONG)
    assert (endpoint.request_count, bench.proxy.request_count) == (0, 0)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_secret__works_with_confluents_client(
    bench: Bench,
    client: dict[str, str],
    registry_authority: CertificateAuthority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """With the same values, Confluent's Python client reads the same schema."""
    registered = make_registry(bench.settings).ensure_registered()
    ca = tmp_path / "ca.pem"
    ca.write_text(registry_authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))  # the only CA setting for the token endpoint
    conf = {
        "url": bench.proxy.url,
        "ssl.ca.location": str(ca),
        "bearer.auth.credentials.source": "OAUTHBEARER",
        "bearer.auth.client.id": client["client_id"],
        "bearer.auth.client.secret": client["client_secret"],
        "bearer.auth.issuer.endpoint.url": client["token_url"],
        "bearer.auth.scope": client["scope"],
        "bearer.auth.logical.cluster": client["logical_cluster"],
        "bearer.auth.identity.pool.id": client["identity_pool"],
    }
    with SchemaRegistryClient(conf) as theirs:
        assert theirs.get_latest_version(bench.subject).schema_id == registered.id
    del theirs
    gc.collect()  # closes the connection to the token endpoint
    ours, others = bench.proxy.requests[0], bench.proxy.requests[-1]
    names = ("target-sr-cluster", "Confluent-Identity-Pool-Id")
    assert [ours[name] for name in names] == [others[name] for name in names]
