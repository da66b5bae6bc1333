"""A client certificate that cannot be used is a mistake in its secret, and not in KAFKA_PROPERTIES.

librdkafka reports one only as a property that it refuses.
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
from tests.integration.authentication.conftest import Cluster, MakeBench
from tests.support.certificates import CertificateAuthority
from tests.support.messages import Refusals, to_messages

LONG = 20.0


def break_key(authority: CertificateAuthority) -> tuple[str, str]:
    """The private key of another certificate."""
    return authority.issue("client").certificate, authority.issue("client").private_key


def break_algorithm(authority: CertificateAuthority) -> tuple[str, str]:
    """A certificate of RSA with a key of EC."""
    return authority.issue("client", algorithm="RSA").certificate, authority.issue("client").private_key


def break_order(authority: CertificateAuthority) -> tuple[str, str]:
    """A chain whose first certificate is the CA's."""
    client = authority.issue("client")
    return authority.certificate + client.certificate, client.private_key


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (break_key, "privateKey belongs to another certificate"),
        (break_algorithm, "privateKey has another algorithm"),
        (break_order, "certificate begins with another certificate"),
    ],
)
def test_publish__says_what_is_wrong_with_the_client_certificate(
    bench: MakeBench, cluster: Cluster, fault: Callable[[CertificateAuthority], tuple[str, str]], text: str
) -> None:
    """The function and the preflight check name the secret and the cause; with the secret corrected, events arrive."""
    made = bench("mtls")
    right = made.secrets.read(made.secret)
    made.secrets.change(made.secret, dict(zip(("certificate", "privateKey"), fault(cluster.authority), strict=True)))
    publisher = made.to_publisher()
    expected = rf"^the secret in KafkaSecretArn \(KAFKA_SECRET_ARN\) has no usable client certificate: {text}"
    with pytest.raises(Misconfigured, match=expected):
        publisher.publish(to_messages(10), Deadline(LONG), Refusals())
    check, _ = make_secret_checks(read_settings(made.environ))
    with pytest.raises(Misconfigured, match=expected):
        check.run()
    made.secrets.change(made.secret, right)
    assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}


def test_publish__takes_a_certificate_of_rsa(bench: MakeBench, cluster: Cluster) -> None:
    """A certificate and key of the other algorithm are as good."""
    made = bench("mtls")
    certificate, private_key = cluster.authority.issue("client", algorithm="RSA")
    made.secrets.change(made.secret, {"certificate": certificate, "privateKey": private_key})
    deliveries = made.to_publisher().publish(to_messages(10), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}
