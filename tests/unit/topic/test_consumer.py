"""Test the properties of the consumer, and its errors."""

from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError

from feature_events import VERSION
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.producer import DEFAULTS
from feature_events.settings.settings import read_settings
from feature_events.topic import consumer
from feature_events.topic.consumer import GROUP, classify, open_consumer, to_consumer_properties


def make_properties(**environ: str) -> dict[str, Any]:
    """Return the properties with these settings."""
    required = {"KAFKA_BROKER_URL": "broker:9092", "SCHEMA_ID": "7"}
    return dict(to_consumer_properties(read_settings({**required, **environ})))


def test_properties__are_accepted_by_librdkafka() -> None:
    """No property is unknown to a consumer."""
    properties = make_properties()
    Consumer(properties).close()
    assert properties["group.id"] == GROUP
    assert properties["client.id"] == f"feature-events-{VERSION}-backfill"
    assert {name for name in DEFAULTS if name not in properties} == {"queue.buffering.max.kbytes"}


def test_properties__include_those_of_the_deployment() -> None:
    """KAFKA_PROPERTIES apply to the consumer, except to what reading depends on."""
    text = '{"client.id": "team", "socket.timeout.ms": 7000, "group.id": "other", "auto.offset.reset": "latest"}'
    properties = make_properties(KAFKA_PROPERTIES=text)
    names = ("client.id", "socket.timeout.ms", "group.id", "auto.offset.reset")
    assert [properties[name] for name in names] == ["team-backfill", 7000, GROUP, "error"]


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            Misconfigured,
            "kafka-cluster:ReadData and kafka-cluster:DescribeTopic",
        ),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, Misconfigured, "kafka-cluster:DescribeGroup"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Misconfigured, "the topic does not exist"),
        (KafkaError.REQUEST_TIMED_OUT, Undelivered, "topic events could not be read: REQUEST_TIMED_OUT"),
    ],
)
def test_classify__says_what_to_do(code: int, kind: type[Exception], text: str) -> None:
    """A missing right is named, as IAM and as ACL. An outage is retried."""
    found = classify(KafkaError(code), "events")
    assert type(found) is kind
    assert text in str(found)


def test_open_consumer__does_not_need_a_topic_that_is_always_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topic can become unavailable after it was found. It then has no partitions."""

    class Found:
        error, partitions = KafkaError(KafkaError.LEADER_NOT_AVAILABLE), ()

    class Unavailable:
        topics = {"FEATURE_AVAILABILITY_EVENTS": Found()}  # noqa: RUF012  # a response

        def list_topics(self, *_: object, **__: object) -> "Unavailable":
            """Return a response without partitions."""
            return self

    monkeypatch.setattr(consumer, "connect_client", lambda *_: Unavailable())
    settings = read_settings({"KAFKA_BROKER_URL": "broker:9092", "SCHEMA_ID": "7"})
    with pytest.raises(Undelivered, match="could not be read: LEADER_NOT_AVAILABLE"):
        open_consumer(settings, None, Deadline(1.0))
