"""A publisher opens once its topic can be written to, or says what keeps it from it."""

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
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "grant the function WriteData"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "create the topic"),
        (KafkaError.TOPIC_EXCEPTION, "set TopicName"),
    ],
)
def test_open__says_what_is_wrong_with_the_topic(kafka: MockKafka, code: int, remedy: str) -> None:
    """A topic that is not there or not ours is a misconfiguration, before anything is sent."""
    kafka.fail_topic(code)
    with pytest.raises(Misconfigured, match=remedy):
        to_publisher(kafka).open(Deadline(LONG))


def test_open__says_that_no_broker_answers(kafka: MockKafka) -> None:
    """Brokers out of reach may come back: undelivered, with where to look."""
    kafka.stop()
    with pytest.raises(Undelivered, match=r"no broker responded .* check KafkaBrokerUrl"):
        to_publisher(kafka).open(Deadline(SHORT))


def test_open__waits_for_no_question_that_hangs(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the client does not come back from a question at its time, the deadline holds all the same."""
    ended = threading.Event()
    monkeypatch.setattr("feature_events.kafka.producer._read_metadata", lambda *_: ended.wait(LONG))
    with pytest.raises(Undelivered, match="no broker responded"):
        to_publisher(kafka).open(Deadline(0.2))
    ended.set()


def test_open__tries_again_after_a_failure(kafka: MockKafka) -> None:
    """The next invocation is not bound to what the last one found."""
    publisher = to_publisher(kafka)
    kafka.stop()
    with pytest.raises(Undelivered):
        publisher.open(Deadline(0.2))
    kafka.start()
    assert publisher.publish([to_message(0)], Deadline(LONG), Refusals()) == [Delivery.DELIVERED]


def test_open__says_why_the_client_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fatal error that comes while the topic is asked for is told, whatever the client has told before."""

    class Ended:
        """A client that has lost a broker first, and then must not write; it answers no question."""

        def __init__(self, properties: dict[str, Any]) -> None:
            properties["error_cb"](KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001  # librdkafka's own code

        def list_topics(self, _: str, timeout: float) -> None:
            """Takes all the time."""
            time.sleep(timeout)

        def poll(self, _: float) -> None:
            """Tells of the end."""
            raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no", fatal=True))

    monkeypatch.setattr("feature_events.kafka.producer.Producer", Ended)
    publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "127.0.0.1:1"})
    with pytest.raises(Misconfigured, match="WriteDataIdempotently"):
        publisher.open(Deadline(SHORT))


@pytest.mark.parametrize(
    "properties", [{"no.such.property": "secret"}, {"security.protocol": "secret"}, {"socket.timeout.ms": "secret"}]
)
def test_open__names_a_property_that_librdkafka_refuses(kafka: MockKafka, properties: dict[str, str]) -> None:
    """A wrong property is a misconfiguration by its name; its value, which may be a secret, is not repeated."""
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, **properties})
    with pytest.raises(Misconfigured, match=f"librdkafka rejects {next(iter(properties))}") as raised:
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
def test_open__names_a_secret_that_librdkafka_refuses(
    kafka: MockKafka, properties: dict[str, str], setting: str
) -> None:
    """What comes from a secret is a mistake in the secret, and not in KAFKA_PROPERTIES."""
    given = {**DEFAULTS, "bootstrap.servers": kafka.bootstrap, "security.protocol": "SSL", **properties}
    with pytest.raises(Misconfigured, match=f"cannot use the secret in {setting}") as raised:
        Publisher(kafka.topic, given).open(Deadline(LONG))
    assert str(raised.value).count("secret") == 1
