"""With OAuth 2.0 and a listener that verifies tokens, each mistake has a clear error, and each fault is recovered."""

import time
from collections.abc import Callable
from io import StringIO
from unittest.mock import patch

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.settings.settings import read_settings
from feature_events.web import exchange
from tests.integration.authentication.cluster import Cluster
from tests.integration.authentication.conftest import Bench, MakeBench
from tests.integration.authentication.publishing import DELIVERED, LONG, UNKNOWN, numbers_in, publish
from tests.support.certificates import CertificateAuthority
from tests.support.doubles import FakeClock
from tests.support.kafka_proxy import run_kafka_proxy
from tests.support.token_endpoint import Signer, TokenEndpoint, run_token_endpoint
from tests.support.web_server import Answer

PLACE = r"in the secret in KafkaSecretArn \(KAFKA_SECRET_ARN\)"
REFUSED = rf"HTTP 401, invalid_client\): check client_id, client_secret and scope {PLACE}"
WRONG = "wrong-secret"


@pytest.fixture
def oauth(bench: MakeBench) -> Bench:
    """Create a bench with an OAuth client in its secret."""
    return bench("oauth")


def change(oauth: Bench, **parts: str) -> None:
    """Change parts of the secret."""
    oauth.secrets.change(oauth.secret, oauth.secrets.read(oauth.secret) | parts)


def wait_for(is_done: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    wait = Deadline(LONG)
    while not is_done():
        assert wait.remaining()
        time.sleep(0.05)


def test_publish__sends_the_extensions_of_confluent_cloud(oauth: Bench, cluster: Cluster) -> None:
    """The secret's logical_cluster and identity_pool are sent with the token, as SASL extensions."""
    with run_kafka_proxy(cluster.address("TOKENS"), cluster.authority) as proxy:
        assert publish(oauth.to_publisher(KAFKA_BROKER_URL=proxy.address)) == DELIVERED
    [request, *_] = proxy.authentications
    assert {b"logicalCluster=lkc-1", b"identityPoolId=pool-1"} <= set(request.split(b"\x01"))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"client_id": "other"}, REFUSED),
        ({"client_secret": WRONG}, REFUSED),
        ({"scope": "other"}, rf"HTTP 400, invalid_scope\): check client_id, client_secret and scope {PLACE}"),
    ],
)
def test_publish__explains_a_rejection_by_the_token_endpoint(
    oauth: Bench, idp: TokenEndpoint, log: StringIO, parts: dict[str, str], text: str
) -> None:
    """The error contains the reason and the secret. After a correction, the same environment delivers."""
    valid = oauth.secrets.read(oauth.secret)
    change(oauth, **parts)
    publisher = oauth.to_publisher()
    with pytest.raises(Misconfigured, match=rf"the token endpoint at {idp.url} returned no token \({text}") as raised:
        publish(publisher)
    change(oauth, **valid)
    assert publish(publisher) == DELIVERED
    assert not any(secret in log.getvalue() + str(raised.value) for secret in (WRONG, idp.client[1]))


def test_publish__refuses_an_untrusted_token_endpoint(oauth: Bench, idp: TokenEndpoint, signer: Signer) -> None:
    """An endpoint with a certificate from an unknown CA gets no request."""
    with run_token_endpoint(CertificateAuthority("Other").issue("idp"), signer) as other:
        change(oauth, token_url=other.url)
        publisher = oauth.to_publisher()
        with pytest.raises(Misconfigured, match=r"is not trusted: .* KafkaCaSecretArn \(KAFKA_CA_SECRET_ARN\)"):
            publish(publisher)
        assert other.request_count == 0
    change(oauth, token_url=idp.url)
    assert publish(publisher) == DELIVERED


def sign_for_others(idp: TokenEndpoint) -> None:
    """Sign for another audience."""
    idp.signer.audience = "other"


def sign_with_other_key(idp: TokenEndpoint) -> None:
    """Sign with a key that the brokers do not have."""
    idp.signer = Signer(idp.signer.audience)


def sign_what_has_ended(idp: TokenEndpoint) -> None:
    """Sign an expired token that the endpoint reports as valid."""
    idp.lives = [-60.0]


@pytest.mark.parametrize("fault", [sign_for_others, sign_with_other_key, sign_what_has_ended])
def test_publish__explains_a_rejected_token(
    oauth: Bench, idp: TokenEndpoint, signer: Signer, fault: Callable[[TokenEndpoint], None]
) -> None:
    """A rejected token is a misconfiguration, and is not reused."""
    fault(idp)
    publisher = oauth.to_publisher()
    try:
        with pytest.raises(Misconfigured, match=r"failed: .*check that the cluster accepts the identity provider"):
            publish(publisher)
    finally:
        idp.signer, signer.audience = signer, "kafka"
    assert publish(publisher) == DELIVERED
    assert idp.request_count == 2


def test_publish__replaces_a_token_that_expired_early(
    oauth: Bench, idp: TokenEndpoint, cluster: Cluster, topic: str
) -> None:
    """After an accepted token expires earlier than reported, one retry is enough."""
    life = 10.0
    idp.lives = [life]
    publisher = oauth.to_publisher()
    assert publish(publisher) == DELIVERED
    time.sleep(life)
    cluster.cut("TOKENS")
    assert publish(publisher, 10) == UNKNOWN
    assert publish(publisher, 10) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(20))


@pytest.mark.parametrize("in_time", [True, False], ids=["in time", "late"])
def test_publish__recovers_from_a_rotated_client_secret(
    oauth: Bench, idp: TokenEndpoint, cluster: Cluster, topic: str, *, in_time: bool
) -> None:
    """The next token is fetched with the current secret. While that is outdated, every retry raises the error."""
    settings, clock = read_settings(oauth.environ), FakeClock(time.time())
    publisher = Publisher(settings.topic, to_producer_properties(settings), Authentication(settings, clock))
    assert publish(publisher) == DELIVERED
    idp.client = (idp.client[0], "rotated-secret")
    assert publish(publisher, 10) == DELIVERED
    assert idp.request_count == 1
    clock.seconds += 55  # a freeze, after which the token is about to expire
    idp.reported_life += 55
    if not in_time:
        for _ in range(2):
            with pytest.raises(Misconfigured, match=REFUSED):
                publish(publisher, 20)
    change(oauth, client_secret="rotated-secret")  # noqa: S106  # of a client that is made here
    assert publish(publisher, 20) == DELIVERED
    assert numbers_in(cluster, topic) == list(range(30))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(503, b""), "returned HTTP 503: check the identity provider"),
        (Answer(200, b"{}", delay=1.0), "could not be reached (ReadTimeout): check token_url"),
    ],
)
def test_publish__recovers_from_an_outage_of_the_token_endpoint(
    oauth: Bench, idp: TokenEndpoint, log: StringIO, answer: Answer, text: str
) -> None:
    """The batch is undelivered, with a log line that contains the endpoint, and delivered after the outage."""
    publisher = oauth.to_publisher()
    idp.override = answer
    with patch.object(exchange, "READ_SECONDS", 0.3):
        assert publish(publisher) == UNKNOWN
    assert f"the token endpoint at {idp.url} {text}" in log.getvalue()
    idp.override = None
    assert publish(publisher) == DELIVERED


def test_tokens__are_renewed_before_they_expire(oauth: Bench, idp: TokenEndpoint, log: StringIO) -> None:
    """The client requests the next token between batches. A failed renewal does not fail a batch.

    https://github.com/confluentinc/confluent-kafka-python/issues/1485
    """
    idp.reported_life = 5.0
    publisher = oauth.to_publisher()
    assert publish(publisher) == DELIVERED
    idp.override = Answer(503, b"")
    wait_for(lambda: "token not renewed" in log.getvalue())
    idp.override = None
    assert publish(publisher) == DELIVERED
    count = idp.request_count
    wait_for(lambda: idp.request_count > count)
    assert publish(publisher) == DELIVERED


def test_tokens__report_the_reason_for_a_failed_renewal(oauth: Bench, idp: TokenEndpoint, log: StringIO) -> None:
    """A rejected client is reported as such, and not as a missing token.

    https://github.com/confluentinc/confluent-kafka-python/issues/2191
    """
    idp.reported_life = 3.0
    publisher = oauth.to_publisher()
    assert publish(publisher) == DELIVERED
    idp.client = (idp.client[0], "rotated-secret")
    wait_for(lambda: "token not renewed" in log.getvalue())
    time.sleep(idp.reported_life)
    with pytest.raises(Misconfigured, match=REFUSED):
        publish(publisher)
