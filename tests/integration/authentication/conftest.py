"""One broker with a listener for each way to authenticate, and secrets to authenticate with."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import NamedTuple

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from feature_events.kafka.authentication import Authentication
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.logs import logger
from feature_events.settings.settings import KafkaAuth, read_settings
from local.servers.kafka import PLAIN, Kafka, Listener
from local.servers.registry import Registry
from local.servers.topic import create_topic
from tests.support.certificates import CertificateAuthority
from tests.support.connections import cut_connections
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
LIMIT = 30.0
SHA_512, SHA_256 = ScramMechanism.SCRAM_SHA_512, ScramMechanism.SCRAM_SHA_256


class Cluster(NamedTuple):
    """The broker, its listeners, and the CA of its certificates."""

    kafka: Kafka
    authority: CertificateAuthority
    listeners: dict[str, Listener]

    def address(self, name: str) -> str:
        """Where this listener answers."""
        return self.kafka.address(self.listeners[name])

    def cut(self, name: str) -> None:
        """Ends every connection to this listener."""
        assert cut_connections(int(self.address(name).rpartition(":")[2]))

    def change_password(self, user: str, password: str, mechanism: ScramMechanism = SHA_512) -> None:
        """Gives a user this password; there need be no such user."""
        self._alter(UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), password.encode()))

    def delete_user(self, user: str, mechanism: ScramMechanism) -> None:
        """Takes the user's password away."""
        self._alter(UserScramCredentialDeletion(user, mechanism))

    def _alter(self, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        admin.alter_user_scram_credentials([change])[change.user].result(LIMIT)


@pytest.fixture(scope="session")
def signer() -> Signer:
    """Who signs the tokens that Kafka takes."""
    return Signer("kafka")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Cluster]:
    """The broker; tests share it, so each keeps to topics and users of its own."""
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
    """A new topic of two partitions."""
    name = f"topic-{abs(hash(request.node.nodeid))}"
    create_topic(cluster.kafka.bootstrap, name, 2)
    return name


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """An empty Secrets Manager."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with run_secrets() as running:
        yield running


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the function logs."""
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """The provider of tokens, in the place of AWS's."""
    return replace_token_provider(monkeypatch)


@pytest.fixture
def idp(cluster: Cluster, signer: Signer) -> Iterator[TokenEndpoint]:
    """The token endpoint that signs for Kafka, whose certificate is of the brokers' CA."""
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
    """What a function with one way to authenticate is made from: its environment and its secrets."""

    environ: dict[str, str]
    secrets: Secrets
    secret: str
    ca: str

    def to_publisher(self, **environ: str) -> Publisher:
        """The real publisher, as the function wires it."""
        settings = read_settings({**self.environ, **environ})
        return Publisher(settings.topic, to_producer_properties(settings), Authentication(settings))


type MakeBench = Callable[[KafkaAuth], Bench]


@pytest.fixture
def bench(cluster: Cluster, topic: str, secrets: Secrets, provider: TokenProvider, idp: TokenEndpoint) -> MakeBench:
    """Makes a bench on which everything is right."""
    assert provider.given == 0

    def make(auth: KafkaAuth) -> Bench:
        client, login = cluster.authority.issue("client"), {"username": USER, "password": PASSWORD}
        value = {
            "plain": login,
            "scram": login,
            "scram-256": login,
            "oauth": {
                "client_id": idp.client[0],
                "client_secret": idp.client[1],
                "token_url": idp.url,
                "scope": "kafka",
                "logical_cluster": "lkc-1",
                "identity_pool": "pool-1",
            },
            "mtls": {"certificate": client.certificate, "privateKey": client.private_key},
        }.get(auth)
        secret = secrets.put(value) if value else ""
        commented = f"# Főtanúsítvány\n{cluster.authority.certificate}"  # as a team's bundle may be, which TLS is not
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

    return make


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The real registry; tests share it, so each keeps to a subject of its own."""
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def registry_authority() -> CertificateAuthority:
    """The CA of the certificate of the registry's proxy."""
    return CertificateAuthority("Registry's authority")


@pytest.fixture
def proxy(registry: Registry, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """A proxy before the registry, with TLS and a password."""
    server = registry_authority.issue("registry")
    with run_registry_proxy(registry.url, server) as running:
        running.required = to_basic(**LOGIN)
        yield running


@pytest.fixture
def cloudformation() -> Iterator[ScriptedServer]:
    """Where CloudFormation wants its answers put."""
    with run_scripted_server() as running:
        running.script = [Answer(200, b"")]
        yield running


@pytest.fixture(scope="session")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenRegistry]:
    """The real registry, which takes tokens only; tests share it, so each keeps to a subject of its own."""
    with TokenRegistry(tmp_path_factory.mktemp("token-registry"), Signer()) as running:
        yield running


@pytest.fixture
def endpoint(token_registry: TokenRegistry, registry_authority: CertificateAuthority) -> Iterator[TokenEndpoint]:
    """The token endpoint that signs for the registry."""
    with run_token_endpoint(registry_authority.issue("idp"), token_registry.signer) as running:
        yield running


@pytest.fixture
def token_proxy(token_registry: TokenRegistry, registry_authority: CertificateAuthority) -> Iterator[RegistryProxy]:
    """TLS before the registry that takes tokens, and a check of Confluent Cloud's headers."""
    with run_registry_proxy(token_registry.url, registry_authority.issue("registry")) as running:
        running.required = {"target-sr-cluster": "lsrc-1", "Confluent-Identity-Pool-Id": "pool-1"}
        yield running
