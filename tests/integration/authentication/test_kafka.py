"""Authenticating to real Kafka: each way delivers, each fault is one clear error, no recovery needs a deployment."""

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
from tests.integration.authentication.conftest import Bench, Cluster, MakeBench
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
    """Puts a new client certificate into the secret."""
    client = authority.issue("client", life=life)
    bench.secrets.change(bench.secret, {"certificate": client.certificate, "privateKey": client.private_key})


@pytest.mark.parametrize("auth", ["tls", "plain", "scram", "scram-256", "mtls", "iam", "oauth"])
def test_publish__delivers_by_each_authentication(
    bench: MakeBench, cluster: Cluster, topic: str, auth: KafkaAuth
) -> None:
    """Whatever authentication the broker asks for, events arrive."""
    assert publish(bench(auth).to_publisher()) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(10))


@pytest.mark.parametrize("auth", ["plain", "scram", "scram-256", "iam", "oauth"])
def test_handler__authenticates(bench: MakeBench, monkeypatch: pytest.MonkeyPatch, auth: KafkaAuth) -> None:
    """The settings alone make the function authenticate."""
    for name, value in bench(auth).environ.items():
        monkeypatch.setenv(name, value)
    module = start_environment()
    assert module.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


def test_publish__sends_intermediate_certificates(bench: MakeBench, cluster: Cluster) -> None:
    """A client certificate of a CA under the trusted one is accepted, and so is an encrypted key."""
    mtls = bench("mtls")
    password = "key-secret"  # noqa: S105  # of a key that is made here
    client = CertificateAuthority("Between", cluster.authority).issue("client", password=password)
    secret = {"certificate": client.certificate, "privateKey": client.private_key, "privateKeyPassword": password}
    mtls.secrets.change(mtls.secret, secret)
    assert publish(mtls.to_publisher()) == DELIVERED


def break_password(bench: Bench, _: Cluster) -> None:
    """Another password than the user's."""
    bench.secrets.change(bench.secret, {"username": "alice", "password": "wrong-secret"})


def break_by_untrusted_certificate(bench: Bench, _: Cluster) -> None:
    """A client certificate of a CA that the broker does not trust."""
    renew_certificate(bench, CertificateAuthority("Other"))


def break_by_expired_certificate(bench: Bench, cluster: Cluster) -> None:
    """A client certificate that has expired."""
    renew_certificate(bench, cluster.authority, timedelta(days=-1))


def break_ca_certificates(bench: Bench, _: Cluster) -> None:
    """A CA that has not issued the broker's certificate."""
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
def test_publish__says_what_is_wrong_and_recovers(
    bench: MakeBench, cluster: Cluster, auth: KafkaAuth, fault: Fault, text: str
) -> None:
    """A wrong authentication is a misconfiguration; when it is fixed the same environment goes on."""
    made, right = bench(auth), bench(auth)
    topic = made.environ["TOPIC_NAME"]
    fault(made, cluster)
    publisher = made.to_publisher()
    with pytest.raises(Misconfigured, match=text) as raised:
        publish(publisher)
    assert "wrong-secret" not in str(raised.value)
    assert numbers_in(cluster, topic) == []
    for arn, source in ((made.secret, right.secret), (made.ca, right.ca)):
        if arn:
            made.secrets.copy(source, arn)
    assert publish(publisher) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(10))


@pytest.mark.parametrize("fault", [break_by_untrusted_certificate, break_by_expired_certificate])
def test_publish__says_what_is_wrong_with_its_certificate_in_tls_1_2(
    bench: MakeBench, cluster: Cluster, fault: Fault
) -> None:
    """The broker's alert comes within the handshake, as a failed verification of its own certificate does."""
    made = bench("mtls")
    address = cluster.address("MTLS12")
    assert publish(made.to_publisher(KAFKA_BROKER_URL=address)) == DELIVERED
    fault(made, cluster)
    with pytest.raises(Misconfigured, match=r"SSL alert number .*: check certificate and privateKey"):
        publish(made.to_publisher(KAFKA_BROKER_URL=address))


@pytest.mark.parametrize(
    ("auth", "listener", "text"),
    [
        ("tls", "EXPIRED", "check the brokers' certificates"),
        ("tls", "MTLS", r"asks for a client certificate, set KafkaAuth \(KAFKA_AUTH\) to mtls"),
        ("tls", "MTLS12", r"asks for a client certificate, set KafkaAuth \(KAFKA_AUTH\) to mtls"),
    ],
)
def test_publish__says_what_is_wrong_with_the_broker(
    bench: MakeBench, cluster: Cluster, auth: KafkaAuth, listener: str, text: str
) -> None:
    """A broker's expired certificate, or one that asks for another authentication, is a misconfiguration."""
    with pytest.raises(Misconfigured, match=text):
        publish(bench(auth).to_publisher(KAFKA_BROKER_URL=cluster.address(listener)))


@pytest.fixture
def scram(bench: MakeBench, cluster: Cluster) -> Bench:
    """A bench with a user of its own."""
    made = bench("scram")
    user = f"user-{uuid4().hex}"
    cluster.change_password(user, "first-secret")
    made.secrets.change(made.secret, {"username": user, "password": "first-secret"})
    return made


def rotate(scram: Bench, cluster: Cluster) -> dict[str, str]:
    """Gives the user another password and ends the connections; the secret's new value."""
    login = scram.secrets.read(scram.secret) | {"password": "second-secret"}
    cluster.change_password(login["username"], login["password"])
    cluster.cut("SCRAM")
    return login


def test_publish__survives_a_rotated_password(scram: Bench, cluster: Cluster, topic: str) -> None:
    """A password that was rotated, here and there, costs one retry: the next invocation reads the secret again."""
    publisher = scram.to_publisher()
    assert publish(publisher) == DELIVERED
    scram.secrets.change(scram.secret, rotate(scram, cluster))
    assert publish(publisher, 10) == UNKNOWN
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


def test_publish__reports_a_password_that_is_behind(scram: Bench, cluster: Cluster, topic: str) -> None:
    """While the secret is behind the broker each retry is one clear error; with the secret renewed all goes on."""
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


def test_publish__survives_a_certificate_that_ends(bench: MakeBench, cluster: Cluster, topic: str) -> None:
    """A client certificate that expires in a warm environment is replaced by the secret's new one at the next retry."""
    mtls = bench("mtls")
    ending = timedelta(seconds=3)
    renew_certificate(mtls, cluster.authority, ending)
    publisher = mtls.to_publisher()
    assert publish(publisher) == DELIVERED
    renew_certificate(mtls, cluster.authority)
    time.sleep(ending.total_seconds())
    cluster.cut("MTLS")
    assert publish(publisher, 10) == UNKNOWN
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


def test_publish__authenticates_again_after_a_freeze(bench: MakeBench, provider: TokenProvider) -> None:
    """An environment that wakes up with a token that has ended signs another before it sends."""
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


def test_tokens__renew_a_token_before_it_ends(
    bench: MakeBench, provider: TokenProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between batches the client asks for the next token by itself, and a provider that fails then costs nothing."""
    monkeypatch.setattr(tokens, "IAM_MARGIN_SECONDS", 0.0)
    provider.life = 5.0
    publisher = bench("iam").to_publisher()
    assert publish(publisher) == DELIVERED
    provider.life, provider.error = 900.0, RuntimeError("no credentials")
    time.sleep(4.2)  # the client asks when four fifths are over
    assert publish(publisher) == DELIVERED
    provider.error = None
    wait = Deadline(LONG)
    while provider.given == 1 and wait.remaining():
        time.sleep(0.05)
    assert provider.given == 2


@pytest.mark.parametrize(
    "fault", [{"error": ValueError("token-secret")}, {"delay": 0.5}, {"life": 1.0}], ids=["raises", "late", "ended"]
)
def test_publish__reports_a_token_that_cannot_be_signed(
    bench: MakeBench,
    provider: TokenProvider,
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
    fault: dict[str, object],
) -> None:
    """Without a token nothing is sent and the batch goes back; when there is one, the same environment goes on."""
    monkeypatch.setattr(tokens, "IAM_SECONDS", 0.2)
    publisher = bench("iam").to_publisher()
    right = {name: getattr(provider, name) for name in fault}
    vars(provider).update(fault)
    assert publish(publisher) == UNKNOWN
    assert "no IAM token was signed" in log.getvalue() or "an IAM token was signed" in log.getvalue()
    assert "token-secret" not in log.getvalue()
    vars(provider).update(right)
    assert publish(publisher) == DELIVERED


def test_publish__reports_a_token_that_kafka_refuses(bench: MakeBench, provider: TokenProvider) -> None:
    """A role that is not allowed to connect is a misconfiguration which says what to grant."""
    provider.taken = False
    publisher = bench("iam").to_publisher()
    with pytest.raises(Misconfigured, match="grant the function's role kafka-cluster:Connect"):
        publish(publisher)
    provider.taken = True
    assert publish(publisher) == DELIVERED


def test_tokens__do_not_make_a_client_sleep(bench: MakeBench) -> None:
    """The full second that a client with a token callback sleeps at its start ends when the token is there."""
    authentication = Authentication(read_settings(bench("iam").environ))
    taken = []
    for _ in range(3):
        properties = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0, **authentication.read_properties(TIME_LEFT)}
        started = time.monotonic()
        Producer(properties)
        taken.append(time.monotonic() - started)
    assert min(taken) < 1


def test_publish__calls_a_deleted_secret_a_misconfiguration(bench: MakeBench, secrets: Secrets) -> None:
    """The error names the setting of the deleted secret."""
    made = bench("scram")
    secrets.delete(made.secret)
    with pytest.raises(Misconfigured, match=r"KAFKA_SECRET_ARN. cannot be read"):
        publish(made.to_publisher())
