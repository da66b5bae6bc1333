"""Opening a publisher succeeds if its topic can be written to, or raises an error with the remedy."""

import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.integration.faults.publishers import LONG, SHORT, to_publisher
from tests.support.messages import Refusals, to_message
from tests.support.mock_kafka import MockKafka


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "grant the function kafka-cluster:WriteData"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "create the topic"),
        (KafkaError.TOPIC_EXCEPTION, "set TopicName"),
    ],
)
def test_open__refuses_an_unusable_topic(kafka: MockKafka, code: int, remedy: str) -> None:
    """A missing topic or permission is a misconfiguration, before any message is sent."""
    kafka.fail_topic(code)
    with pytest.raises(Misconfigured, match=remedy):
        to_publisher(kafka).open(Deadline(LONG))


def test_open__treats_unreachable_brokers_as_temporary(kafka: MockKafka) -> None:
    """The message contains what to check."""
    kafka.stop()
    with pytest.raises(Undelivered, match=r"no broker responded .* check KafkaBrokerUrl"):
        to_publisher(kafka).open(Deadline(SHORT))


def test_open__stops_waiting_for_metadata_at_the_deadline(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline applies even if the client exceeds its own timeout."""
    ended = threading.Event()
    monkeypatch.setattr("feature_events.kafka.producer._read_metadata", lambda *_: ended.wait(LONG))
    with pytest.raises(Undelivered, match="no broker responded"):
        to_publisher(kafka).open(Deadline(0.2))
    ended.set()


def test_open__reconnects_after_a_failure(kafka: MockKafka) -> None:
    """The next invocation can succeed."""
    publisher = to_publisher(kafka)
    kafka.stop()
    with pytest.raises(Undelivered):
        publisher.open(Deadline(0.2))
    kafka.start()
    assert publisher.publish([to_message(0)], Deadline(LONG), Refusals()) == [Delivery.DELIVERED]


def test_open__reports_a_fatal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fatal error during the metadata request takes precedence over earlier errors."""

    class Failed:
        """A client that lost a broker, and then failed because of a missing permission."""

        def __init__(self, properties: dict[str, Any]) -> None:
            properties["error_cb"](KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001  # librdkafka's own code

        def list_topics(self, _: str, timeout: float) -> None:
            """Wait until the timeout."""
            time.sleep(timeout)

        def poll(self, _: float) -> None:
            """Raise the fatal error."""
            raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no", fatal=True))

    monkeypatch.setattr("feature_events.kafka.producer.Producer", Failed)
    publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "127.0.0.1:1"})
    with pytest.raises(Misconfigured, match="WriteDataIdempotently"):
        publisher.open(Deadline(SHORT))


@pytest.mark.parametrize(
    "properties", [{"no.such.property": "secret"}, {"security.protocol": "secret"}, {"socket.timeout.ms": "secret"}]
)
def test_open__names_a_property_that_librdkafka_rejects(kafka: MockKafka, properties: dict[str, str]) -> None:
    """The error contains the property's name, and not its value, which may be a secret."""
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, **properties})
    with pytest.raises(Misconfigured, match=f"librdkafka rejected {next(iter(properties))}") as raised:
        publisher.open(Deadline(LONG))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("properties", "setting"),
    [
        ({"ssl.certificate.pem": "secret"}, "KafkaSecretArn"),
        ({"ssl.key.pem": "secret"}, "KafkaSecretArn"),
        ({"ssl.ca.pem": "secret"}, "KafkaCaSecretArn"),
    ],
)
def test_open__names_a_secret_that_librdkafka_rejects(
    kafka: MockKafka, properties: dict[str, str], setting: str
) -> None:
    """For a value from a secret, the error contains the secret's setting instead of KAFKA_PROPERTIES."""
    given = {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, "security.protocol": "SSL", **properties}
    with pytest.raises(Misconfigured, match=f"cannot use the secret in {setting}") as raised:
        Publisher(kafka.topic, given).open(Deadline(LONG))
    assert str(raised.value).count("secret") == 1
