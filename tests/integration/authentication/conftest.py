"""Fixtures: a broker with a listener for each authentication method, registries, and secrets."""

import gc
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from io import StringIO
from typing import NamedTuple

import pytest

from feature_events.kafka.authentication import Authentication
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.logs import logger
from feature_events.settings.settings import KafkaAuth, read_settings
from feature_events.web import exchange
from feature_events.wiring import wire
from local.servers.kafka import PLAIN, Kafka
from local.servers.stack import RunningStack
from local.servers.topic import create_topic
from tests.integration.authentication.cluster import LIMIT, Cluster
from tests.support.certificates import CertificateAuthority
from tests.support.iam import TokenProvider, replace_token_provider
from tests.support.kafka_listeners import (
    to_jwks_options,
    to_oauth_listener,
    to_plain_listener,
    to_scram_listener,
    to_tls_listener,
    to_token_listener,
)
from tests.support.registry_proxy import RegistryProxy, run_registry_proxy, to_basic
from tests.support.secrets import Secrets, run_secrets
from tests.support.token_endpoint import Signer, TokenEndpoint, TokenRegistry, run_token_endpoint
from tests.support.web_server import Answer, ScriptedServer, run_scripted_server

LOGIN = {"username": "félix", "password": "registry-secret"}
USER, PASSWORD = "alice", "alice-secret"


@pytest.fixture(scope="session")
def signer() -> Signer:
    """Create the signer of tokens that Kafka accepts."""
    return Signer("kafka")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Cluster]:
    """Run the broker. Tests share it, so each uses its own topics and users."""
    jwks = tmp_path_factory.mktemp("jwks") / "jwks.json"
    jwks.write_text(signer.jwks)
    authority = CertificateAuthority()
    server = authority.issue("broker")
    listeners = [
        PLAIN,
        to_tls_listener("TLS", server),
        to_tls_listener("EXPIRED", authority.issue("broker", life=timedelta(days=-1))),
        to_tls_listener("MTLS", server, client_ca=authority.certificate),
        to_tls_listener("MTLS12", server, client_ca=authority.certificate, version="TLSv1.2"),
        to_scram_listener("SCRAM", server),
        to_scram_listener("SCRAM256", server, "SCRAM-SHA-256"),
        to_plain_listener("APIKEYS", server, {USER: PASSWORD}),
        to_oauth_listener("OAUTH", server),
        to_token_listener("TOKENS", server, jwks, signer.audience),
    ]
    kafka = Kafka(
        tmp_path_factory.mktemp("authentication"),
        listeners=listeners,
        settings={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
            "super.users": "User:ANONYMOUS",
        },
        format_options=[
            option
            for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256")
            for option in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
        ],
        java_options=to_jwks_options(jwks),
    )
    with kafka:
        yield Cluster(kafka, authority, {listener.name: listener for listener in listeners})


@pytest.fixture
def topic(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """Create a topic with two partitions."""
    name = f"topic-{abs(hash(request.node.nodeid))}"
    create_topic(cluster.kafka.bootstrap, name, 2)
    return name


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """Run an empty Secrets Manager."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with run_secrets() as running:
        yield running


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """Return the function's log."""
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """Return a token provider that replaces AWS's."""
    return replace_token_provider(monkeypatch)


@pytest.fixture
def idp(cluster: Cluster, signer: Signer) -> Iterator[TokenEndpoint]:
    """Run the token endpoint for Kafka. Its certificate is from the brokers' CA."""
    with run_token_endpoint(cluster.authority.issue("idp"), signer) as running:
        yield running


LISTENERS: dict[KafkaAuth, str] = {
    "none": "PLAIN",
    "tls": "TLS",
    "plain": "APIKEYS",
    "scram": "SCRAM",
    "scram-256": "SCRAM256",
    "mtls": "MTLS",
    "iam": "OAUTH",
    "oauth": "TOKENS",
}


class Bench(NamedTuple):
    """The environment and secrets of a function with one authentication method."""

    environ: dict[str, str]
    secrets: Secrets
    secret: str
    ca: str

    def to_publisher(self, **environ: str) -> Publisher:
        """Create the publisher like the function."""
        settings = read_settings({**self.environ, **environ})
        return Publisher(settings.topic, to_producer_properties(settings), Authentication(settings))


type MakeBench = Callable[[KafkaAuth], Bench]


def make_credentials(auth: KafkaAuth, cluster: Cluster, idp: TokenEndpoint) -> Mapping[str, str] | None:
    """Make the secret of an authentication method, or None if it needs no secret."""
    match auth:
        case "plain" | "scram" | "scram-256":
            return {"username": USER, "password": PASSWORD}
        case "oauth":
            return {
                "client_id": idp.client[0],
                "client_secret": idp.client[1],
                "token_url": idp.url,
                "scope": "kafka",
                "logical_cluster": "lkc-1",
                "identity_pool": "pool-1",
            }
        case "mtls":
            client = cluster.authority.issue("client")
            return {"certificate": client.certificate, "privateKey": client.private_key}
        case _:
            return None


@pytest.fixture
def bench(
    cluster: Cluster, topic: str, secrets: Secrets, provider: TokenProvider, idp: TokenEndpoint
) -> Iterator[MakeBench]:
    """Return a function that creates a valid bench. After the test, close its producers.

    They would renew their tokens in the background, and log to the output of a test that has ended.
    """
    assert provider.given == 0

    def make(auth: KafkaAuth) -> Bench:
        value = make_credentials(auth, cluster, idp)
        secret = secrets.put(value) if value else ""
        commented = f"# Főtanúsítvány\n{cluster.authority.certificate}"  # a comment that is not ASCII
        ca = secrets.put({"certificate": commented}) if auth != "none" else ""
        environ = {
            "KAFKA_AUTH": auth,
            "KAFKA_BROKER_URL": cluster.address(LISTENERS[auth]),
            "KAFKA_SECRET_ARN": secret,
            "KAFKA_CA_SECRET_ARN": ca,
            "TOPIC_NAME": topic,
            "SCHEMA_ID": "7",
            "AWS_REGION": "us-east-1",
        }
        return Bench(environ, secrets, secret, ca)

    yield make
    wire.cache_clear()
    gc.collect()  # an exception that a test expected refers to the frames with the producer


@pytest.fixture
def registry(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of the local stack's registry. Each test uses its own subject.

    On a busy machine, the registry can take longer to respond than the function waits.
    """
    for limit in ("READ_SECONDS", "RESPONSE_SECONDS"):
        monkeypatch.setattr(exchange, limit, LIMIT)
    return stack.registry


@pytest.fixture(scope="session")
def registry_authority() -> CertificateAuthority:
    """Create the CA of the registry proxy's certificate."""
    return CertificateAuthority("Registry's authority")


@pytest.fixture
def proxy(registry: str, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """Run a proxy for the registry with TLS and a password."""
    server = registry_authority.issue("registry")
    with run_registry_proxy(registry, server) as running:
        running.required = to_basic(**LOGIN)
        yield running


@pytest.fixture
def cloudformation() -> Iterator[ScriptedServer]:
    """Run the server for CloudFormation's responses."""
    with run_scripted_server() as running:
        running.script = [Answer(200, b"")]
        yield running


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenRegistry]:
    """Run a registry that requires tokens. Tests share it, so each uses its own subject."""
    with TokenRegistry(tmp_path_factory.mktemp("token-registry"), Signer()) as running:
        yield running


@pytest.fixture
def endpoint(token_registry: TokenRegistry, registry_authority: CertificateAuthority) -> Iterator[TokenEndpoint]:
    """Run the token endpoint for the registry."""
    with run_token_endpoint(registry_authority.issue("idp"), token_registry.signer) as running:
        yield running


@pytest.fixture
def token_proxy(token_registry: TokenRegistry, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """Run a TLS proxy for the registry with tokens, which requires Confluent Cloud's headers."""
    with run_registry_proxy(token_registry.url, registry_authority.issue("registry")) as running:
        running.required = {"target-sr-cluster": "lsrc-1", "Confluent-Identity-Pool-Id": "pool-1"}
        yield running
