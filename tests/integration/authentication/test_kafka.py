"""With real Kafka, each authentication method delivers, and after each fault a corrected secret is enough."""

import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka import tokens
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.settings.settings import KafkaAuth, read_settings
from tests.integration.authentication.cluster import Cluster
from tests.integration.authentication.conftest import Bench, MakeBench
from tests.integration.authentication.publishing import DELIVERED, UNKNOWN, numbers_in, publish
from tests.support.certificates import CertificateAuthority
from tests.support.doubles import FakeClock, FakeContext
from tests.support.execution_environment import start_environment
from tests.support.iam import TokenProvider
from tests.support.records import to_record
from tests.support.secrets import Secrets

type Fault = Callable[[Bench, Cluster], None]

LONG = 20.0
TIME_LEFT = Deadline(1e9)


def renew_certificate(bench: Bench, authority: CertificateAuthority, life: timedelta = timedelta(days=1)) -> None:
    """Store a new client certificate in the secret."""
    client = authority.issue("client", life=life)
    bench.secrets.change(bench.secret, {"certificate": client.certificate, "privateKey": client.private_key})


@pytest.mark.parametrize("auth", ["tls", "plain", "scram", "scram-256", "mtls", "iam", "oauth"])
def test_publish__delivers_with_each_authentication_method(
    bench: MakeBench, cluster: Cluster, topic: str, auth: KafkaAuth
) -> None:
    """The listener requires the method."""
    assert publish(bench(auth).to_publisher()) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(10))


@pytest.mark.parametrize("auth", ["plain", "scram", "scram-256", "iam", "oauth"])
def test_handler__authenticates(bench: MakeBench, monkeypatch: pytest.MonkeyPatch, auth: KafkaAuth) -> None:
    """The function authenticates with its settings alone."""
    for name, value in bench(auth).environ.items():
        monkeypatch.setenv(name, value)
    module = start_environment()
    assert module.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


def test_publish__sends_intermediate_certificates(bench: MakeBench, cluster: Cluster) -> None:
    """A client certificate from an intermediate CA with an encrypted key is accepted."""
    mtls = bench("mtls")
    password = "key-secret"  # noqa: S105  # of a key that is made here
    client = CertificateAuthority("Between", cluster.authority).issue("client", password=password)
    secret = {"certificate": client.certificate, "privateKey": client.private_key, "privateKeyPassword": password}
    mtls.secrets.change(mtls.secret, secret)
    assert publish(mtls.to_publisher()) == DELIVERED


def break_password(bench: Bench, _: Cluster) -> None:
    """Store a wrong password."""
    bench.secrets.change(bench.secret, {"username": "alice", "password": "wrong-secret"})


def break_by_untrusted_certificate(bench: Bench, _: Cluster) -> None:
    """Store a client certificate from an untrusted CA."""
    renew_certificate(bench, CertificateAuthority("Other"))


def break_by_expired_certificate(bench: Bench, cluster: Cluster) -> None:
    """Store an expired client certificate."""
    renew_certificate(bench, cluster.authority, timedelta(days=-1))


def break_ca_certificates(bench: Bench, _: Cluster) -> None:
    """Store a CA certificate that did not issue the broker's certificate."""
    bench.secrets.change(bench.ca, CertificateAuthority("Other").certificate)


@pytest.mark.parametrize(
    ("auth", "fault", "text"),
    [
        ("scram", break_password, "authentication to Kafka failed: _AUTHENTICATION .*check username and password"),
        ("mtls", break_by_untrusted_certificate, "check certificate and privateKey"),
        ("mtls", break_by_expired_certificate, "check certificate and privateKey"),
        ("tls", break_ca_certificates, "check the brokers' certificates, and the CA certificates"),
        ("scram", break_ca_certificates, "check the brokers' certificates, and the CA certificates"),
    ],
)
def test_publish__explains_a_fault_and_recovers(
    bench: MakeBench, cluster: Cluster, auth: KafkaAuth, fault: Fault, text: str
) -> None:
    """After the secret is corrected, the same environment delivers."""
    setup, valid = bench(auth), bench(auth)
    topic = setup.environ["TOPIC_NAME"]
    fault(setup, cluster)
    publisher = setup.to_publisher()
    with pytest.raises(Misconfigured, match=text) as raised:
        publish(publisher)
    assert "wrong-secret" not in str(raised.value)
    assert numbers_in(cluster, topic) == []
    for arn, source in ((setup.secret, valid.secret), (setup.ca, valid.ca)):
        if arn:
            setup.secrets.copy(source, arn)
    assert publish(publisher) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(10))


@pytest.mark.parametrize("fault", [break_by_untrusted_certificate, break_by_expired_certificate])
def test_publish__explains_a_rejected_certificate_in_tls_1_2(bench: MakeBench, cluster: Cluster, fault: Fault) -> None:
    """In TLS 1.2, the broker sends its alert during the handshake."""
    setup = bench("mtls")
    address = cluster.address("MTLS12")
    assert publish(setup.to_publisher(KAFKA_BROKER_URL=address)) == DELIVERED
    fault(setup, cluster)
    with pytest.raises(Misconfigured, match=r"SSL alert number .*: check certificate and privateKey"):
        publish(setup.to_publisher(KAFKA_BROKER_URL=address))


@pytest.mark.parametrize(
    ("auth", "listener", "text"),
    [
        ("tls", "EXPIRED", "check the brokers' certificates"),
        ("tls", "MTLS", r"requires a client certificate, set KafkaAuth \(KAFKA_AUTH\) to mtls"),
        ("tls", "MTLS12", r"requires a client certificate, set KafkaAuth \(KAFKA_AUTH\) to mtls"),
    ],
)
def test_publish__explains_a_fault_of_the_listener(
    bench: MakeBench, cluster: Cluster, auth: KafkaAuth, listener: str, text: str
) -> None:
    """An expired certificate of the broker and another authentication method are misconfigurations."""
    with pytest.raises(Misconfigured, match=text):
        publish(bench(auth).to_publisher(KAFKA_BROKER_URL=cluster.address(listener)))


@pytest.fixture
def scram(bench: MakeBench, cluster: Cluster) -> Bench:
    """Create a bench with its own user."""
    setup = bench("scram")
    user = f"user-{uuid4().hex}"
    cluster.change_password(user, "first-secret")
    setup.secrets.change(setup.secret, {"username": user, "password": "first-secret"})
    return setup


def rotate(scram: Bench, cluster: Cluster) -> dict[str, str]:
    """Change the user's password, close the connections, and return the secret's new value."""
    login = scram.secrets.read(scram.secret) | {"password": "second-secret"}
    cluster.change_password(login["username"], login["password"])
    cluster.cut("SCRAM")
    return login


def test_publish__recovers_from_a_rotated_password(scram: Bench, cluster: Cluster, topic: str) -> None:
    """After a rotation of password and secret, one retry is enough, because it reads the secret."""
    publisher = scram.to_publisher()
    assert publish(publisher) == DELIVERED
    scram.secrets.change(scram.secret, rotate(scram, cluster))
    assert publish(publisher, 10) == UNKNOWN
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


def test_publish__reports_an_outdated_password(scram: Bench, cluster: Cluster, topic: str) -> None:
    """Every retry raises the error until the secret is updated."""
    publisher = scram.to_publisher()
    assert publish(publisher) == DELIVERED
    login = rotate(scram, cluster)
    assert publish(publisher, 10) == UNKNOWN
    for _ in range(2):
        with pytest.raises(Misconfigured, match="check username and password") as raised:
            publish(publisher, 10)
        assert not any(secret in str(raised.value) for secret in ("first-secret", "second-secret"))
    assert numbers_in(cluster, topic) == list(range(10))
    scram.secrets.change(scram.secret, login)
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


def test_publish__recovers_from_an_expired_certificate(bench: MakeBench, cluster: Cluster, topic: str) -> None:
    """After a client certificate expires in a warm environment, the retry reads the new one in the secret."""
    mtls = bench("mtls")
    life = timedelta(seconds=3)
    renew_certificate(mtls, cluster.authority, life)
    publisher = mtls.to_publisher()
    assert publish(publisher) == DELIVERED
    renew_certificate(mtls, cluster.authority)
    time.sleep(life.total_seconds())
    cluster.cut("MTLS")
    assert publish(publisher, 10) == UNKNOWN
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


def test_publish__signs_a_new_token_after_a_freeze(bench: MakeBench, provider: TokenProvider) -> None:
    """An environment that resumes with an expired token signs another before it sends."""
    settings = read_settings(bench("iam").environ)
    clock = FakeClock(time.time())
    publisher = Publisher(settings.topic, to_producer_properties(settings), Authentication(settings, clock))
    assert publish(publisher) == DELIVERED
    clock.seconds += 800
    assert publish(publisher) == DELIVERED
    assert provider.given == 1
    clock.seconds += 50
    provider.life += 900
    assert publish(publisher) == DELIVERED
    assert provider.given == 2


def test_tokens__are_renewed_before_they_expire(
    bench: MakeBench, provider: TokenProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client requests the next token between batches. A failed renewal does not fail a batch."""
    monkeypatch.setattr(tokens, "IAM_MARGIN_SECONDS", 0.0)
    provider.life = 5.0
    publisher = bench("iam").to_publisher()
    assert publish(publisher) == DELIVERED
    provider.life, provider.error = 900.0, RuntimeError("no credentials")
    time.sleep(4.2)  # the client requests a token after four fifths of its life
    assert publish(publisher) == DELIVERED
    provider.error = None
    wait = Deadline(LONG)
    while provider.given == 1 and wait.remaining():
        time.sleep(0.05)
    assert provider.given == 2


@pytest.mark.parametrize(
    "fault", [{"error": ValueError("token-secret")}, {"delay": 0.5}, {"life": 1.0}], ids=["raises", "slow", "expired"]
)
def test_publish__reports_a_token_that_cannot_be_signed(
    bench: MakeBench,
    provider: TokenProvider,
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
    fault: dict[str, object],
) -> None:
    """Without a token, the batch is undelivered. With a token, the same environment delivers."""
    monkeypatch.setattr(tokens, "IAM_SECONDS", 0.2)
    publisher = bench("iam").to_publisher()
    valid = {name: getattr(provider, name) for name in fault}
    vars(provider).update(fault)
    assert publish(publisher) == UNKNOWN
    assert "no IAM token was signed" in log.getvalue() or "the signed IAM token is about" in log.getvalue()
    assert "token-secret" not in log.getvalue()
    vars(provider).update(valid)
    assert publish(publisher) == DELIVERED


def test_publish__reports_a_token_that_kafka_rejects(bench: MakeBench, provider: TokenProvider) -> None:
    """A role without permission to connect is a misconfiguration with the action to grant."""
    provider.taken = False
    publisher = bench("iam").to_publisher()
    with pytest.raises(Misconfigured, match="grant the function's role kafka-cluster:Connect"):
        publish(publisher)
    provider.taken = True
    assert publish(publisher) == DELIVERED


def test_tokens__interrupt_the_sleep_of_a_new_client(bench: MakeBench) -> None:
    """A new client with a token callback would sleep for a second although its token has arrived."""
    authentication = Authentication(read_settings(bench("iam").environ))
    taken = []
    for _ in range(3):
        properties = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0, **authentication.read_properties(TIME_LEFT)}
        started = time.monotonic()
        Producer(properties)
        taken.append(time.monotonic() - started)
    assert min(taken) < 1


def test_publish__names_a_deleted_secret(bench: MakeBench, secrets: Secrets) -> None:
    """The error contains the secret's setting."""
    setup = bench("scram")
    secrets.delete(setup.secret)
    with pytest.raises(Misconfigured, match=r"KAFKA_SECRET_ARN. cannot be read"):
        publish(setup.to_publisher())
