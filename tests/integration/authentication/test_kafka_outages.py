"""A connection to Kafka that is lost or late while it is authenticated is an outage, not a refusal.

librdkafka reports a request of the authentication that times out as an error of authentication.
https://github.com/tulios/kafkajs/issues/1435
https://github.com/tulios/kafkajs/issues/1550
https://github.com/confluentinc/librdkafka/issues/5003
"""

from collections.abc import Iterator

import pytest

from feature_events.deadline import Deadline
from feature_events.kafka.delivery import Delivery
from feature_events.settings.settings import KafkaAuth
from tests.integration.authentication.conftest import LISTENERS, Cluster, MakeBench
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
    """A proxy before the listener of this kind of authentication."""
    with run_kafka_proxy(cluster.address(LISTENERS[request.param]), cluster.authority) as running:
        yield running


@pytest.mark.parametrize(
    ("proxy", "fault"),
    [(auth, fault) for auth in ("scram", "iam") for fault in FAULTS],
    indirect=["proxy"],
    ids=lambda value: value if type(value) is str else f"{value.apply.__name__} {value.step}",
)
def test_publish__waits_out_an_outage_of_authentication(
    bench: MakeBench, proxy: KafkaProxy, fault: Fault, request: pytest.FixtureRequest
) -> None:
    """The batch goes back to the stream, the environment keeps its secret, and delivers when the outage is over."""
    auth: KafkaAuth = request.node.callspec.params["proxy"]
    made = bench(auth)
    publisher = made.to_publisher(KAFKA_BROKER_URL=proxy.address, KAFKA_PROPERTIES=IMPATIENT)
    proxy.fault = fault
    messages = to_messages(10)
    assert set(publisher.publish(messages, Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}
    assert proxy.hits
    proxy.fault = None
    assert set(publisher.publish(messages, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
