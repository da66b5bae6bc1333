"""For an unusable client certificate, the error names the secret instead of KAFKA_PROPERTIES.

librdkafka reports it only as a rejected property.
https://github.com/confluentinc/librdkafka/issues/3728
https://github.com/confluentinc/librdkafka/issues/4894
"""

from collections.abc import Callable

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.delivery import Delivery
from feature_events.preflight.aws import make_secret_checks
from feature_events.settings.settings import read_settings
from tests.integration.authentication.cluster import Cluster
from tests.integration.authentication.conftest import MakeBench
from tests.support.certificates import CertificateAuthority
from tests.support.messages import Refusals, to_messages

LONG = 20.0


def break_key(authority: CertificateAuthority) -> tuple[str, str]:
    """Return a certificate with another certificate's key."""
    return authority.issue("client").certificate, authority.issue("client").private_key


def break_algorithm(authority: CertificateAuthority) -> tuple[str, str]:
    """Return an RSA certificate with an EC key."""
    return authority.issue("client", algorithm="RSA").certificate, authority.issue("client").private_key


def break_order(authority: CertificateAuthority) -> tuple[str, str]:
    """Return a chain that starts with the CA's certificate."""
    client = authority.issue("client")
    return authority.certificate + client.certificate, client.private_key


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (break_key, "privateKey belongs to another certificate"),
        (break_algorithm, "privateKey and certificate have different algorithms"),
        (break_order, "certificate does not start with the client's own"),
    ],
)
def test_publish__explains_an_unusable_client_certificate(
    bench: MakeBench, cluster: Cluster, fault: Callable[[CertificateAuthority], tuple[str, str]], text: str
) -> None:
    """Function and preflight check report the secret and the cause. After a correction, messages are delivered."""
    setup = bench("mtls")
    valid = setup.secrets.read(setup.secret)
    setup.secrets.change(setup.secret, dict(zip(("certificate", "privateKey"), fault(cluster.authority), strict=True)))
    publisher = setup.to_publisher()
    expected = rf"^the secret in KafkaSecretArn \(KAFKA_SECRET_ARN\) has no usable client certificate: {text}"
    with pytest.raises(Misconfigured, match=expected):
        publisher.publish(to_messages(10), Deadline(LONG), Refusals())
    check, _ = make_secret_checks(read_settings(setup.environ))
    with pytest.raises(Misconfigured, match=expected):
        check.run()
    setup.secrets.change(setup.secret, valid)
    assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}


def test_publish__accepts_an_rsa_certificate(bench: MakeBench, cluster: Cluster) -> None:
    """Other tests use EC certificates."""
    setup = bench("mtls")
    certificate, private_key = cluster.authority.issue("client", algorithm="RSA")
    setup.secrets.change(setup.secret, {"certificate": certificate, "privateKey": private_key})
    deliveries = setup.to_publisher().publish(to_messages(10), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}
