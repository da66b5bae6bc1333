"""A connection that is lost or slow during authentication is an outage, not a rejection.

librdkafka reports an authentication request that times out as an authentication error.
https://github.com/tulios/kafkajs/issues/1435
https://github.com/tulios/kafkajs/issues/1550
https://github.com/confluentinc/librdkafka/issues/5003
"""

from collections.abc import Iterator

import pytest

from feature_events.deadline import Deadline
from feature_events.kafka.delivery import Delivery
from feature_events.settings.settings import KafkaAuth
from tests.integration.authentication.cluster import Cluster
from tests.integration.authentication.conftest import LISTENERS, MakeBench
from tests.support.kafka_proxy import (
    CLIENT_HELLO,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    Fault,
    KafkaProxy,
    alert,
    close,
    hang,
    reset,
    run_kafka_proxy,
)
from tests.support.messages import Refusals, to_messages

LONG, SHORT = 20.0, 3.0
IMPATIENT = '{"socket.timeout.ms": 1000, "request.timeout.ms": 1000}'
FAULTS = [
    Fault(CLIENT_HELLO, close),
    Fault(CLIENT_HELLO, reset),
    Fault(CLIENT_HELLO, alert),
    Fault(SASL_HANDSHAKE, close),
    Fault(SASL_HANDSHAKE, reset),
    Fault(SASL_HANDSHAKE, hang),
    Fault(SASL_AUTHENTICATE, close),
    Fault(SASL_AUTHENTICATE, reset),
    Fault(SASL_AUTHENTICATE, hang),
]


@pytest.fixture
def proxy(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[KafkaProxy]:
    """Run a proxy for the listener of this authentication method."""
    with run_kafka_proxy(cluster.address(LISTENERS[request.param]), cluster.authority) as running:
        yield running


@pytest.mark.parametrize(
    ("proxy", "fault"),
    [(auth, fault) for auth in ("scram", "iam") for fault in FAULTS],
    indirect=["proxy"],
    ids=lambda value: value if type(value) is str else f"{value.apply.__name__} {value.step}",
)
def test_publish__recovers_from_an_outage_during_authentication(
    bench: MakeBench, proxy: KafkaProxy, fault: Fault, request: pytest.FixtureRequest
) -> None:
    """The batch is undelivered, and delivered after the outage with the cached secret."""
    auth: KafkaAuth = request.node.callspec.params["proxy"]
    setup = bench(auth)
    publisher = setup.to_publisher(KAFKA_BROKER_URL=proxy.address, KAFKA_PROPERTIES=IMPATIENT)
    proxy.fault = fault
    messages = to_messages(10)
    assert set(publisher.publish(messages, Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}
    assert proxy.hits
    proxy.fault = None
    assert set(publisher.publish(messages, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
