"""The real producer against faults at the wire: what is reported is true, and order holds.

The faults are the mock cluster's, so that a lost leader or a refused batch happens exactly when a test says so.
"""

import time
from itertools import chain
from typing import Any, override

import pytest
from confluent_kafka import KafkaError

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.client_errors import ClientErrors
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from feature_events.settings.settings import read_settings
from tests.integration.faults.publishers import LONG, SHORT, to_publisher
from tests.support.messages import Refusals, number_of, to_message, to_messages
from tests.support.mock_kafka import INIT_PRODUCER_ID, METADATA, PRODUCE, MockKafka, run_mock_kafka
from tests.support.topics import read_topic

DELIVERED = Delivery.DELIVERED


def numbers_in(kafka: MockKafka) -> dict[bytes, list[int]]:
    """The numbers in the topic by entity, in order of their first appearance."""
    found: dict[bytes, list[int]] = {}
    for message in read_topic(kafka.bootstrap, kafka.topic):
        number = number_of(message.value)
        entity = found.setdefault(message.key, [])
        if number not in entity:
            entity.append(number)
    return found


def assert_complete_and_in_order(kafka: MockKafka, count: int) -> None:
    """Every number is in the topic, each entity's in order."""
    found = numbers_in(kafka)
    assert sorted(chain.from_iterable(found.values())) == [*range(count)]
    assert all(numbers == sorted(numbers) for numbers in found.values())


def test_publish__sends_one_request_per_partition(kafka: MockKafka) -> None:
    """A wave's share of a partition is one batch, which is what order under faults stands on.

    One pushed error fails one request: were a partition's share two requests, messages of it would be delivered.
    """
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 4)
    with pytest.raises(Misconfigured, match="TOPIC_AUTHORIZATION_FAILED"):
        publisher.publish(to_messages(5000, entities=100), Deadline(LONG), Refusals())
    assert read_topic(kafka.bootstrap, kafka.topic) == []


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_ENOUGH_REPLICAS])
def test_publish__waits_out_a_transient_fault(kafka: MockKafka, code: int) -> None:
    """What the broker recovers from by itself is not reported."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, code, code)
    deliveries = publisher.publish(to_messages(100), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


@pytest.mark.parametrize(
    "code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD]
)
def test_publish__tries_a_refused_batch_again_in_parts(kafka: MockKafka, code: int) -> None:
    """A batch that is refused for one message's sake costs the others nothing, not even their order."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, code)
    refusals = Refusals()
    deliveries = publisher.publish(to_messages(200), Deadline(LONG), refusals)
    assert (set(deliveries), refusals.seen) == ({Delivery.DELIVERED}, [])
    assert_complete_and_in_order(kafka, 200)


def test_publish__refuses_what_the_broker_refuses_alone(kafka: MockKafka) -> None:
    """A message that is refused by itself is refused, and nothing else is."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, KafkaError.INVALID_RECORD)
    refusals = Refusals()
    assert publisher.publish([to_message(0)], Deadline(LONG), refusals) == [Delivery.REFUSED]
    assert refusals.seen == [0]


def test_publish__never_refuses_what_was_garbled_on_the_way(kafka: MockKafka) -> None:
    """A checksum that fails is the network's fault: the message is delivered in the end or reported, never refused."""
    kafka.fail(PRODUCE, KafkaError.INVALID_MSG)
    refusals = Refusals()
    publisher = to_publisher(kafka)
    publisher.publish([to_message(0)], Deadline(SHORT), refusals)
    assert refusals.seen == []
    assert publisher.publish([to_message(0)], Deadline(LONG), refusals) == [Delivery.DELIVERED]


def test_publish__reports_what_no_broker_acknowledges(kafka: MockKafka) -> None:
    """A fault that lasts is unknown at the deadline, and nothing of it is sent later."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
    deliveries = publisher.publish(to_messages(100), Deadline(SHORT), Refusals())
    assert set(deliveries) == {Delivery.UNKNOWN}
    kafka.recover(PRODUCE)
    time.sleep(1)
    assert read_topic(kafka.bootstrap, kafka.topic) == []
    assert set(publisher.publish(to_messages(100), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


def test_publish__sends_nothing_after_it_returned(kafka: MockKafka) -> None:
    """With all brokers down it answers all the same, and when they are back nothing old arrives."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.stop()
    started = time.monotonic()
    deliveries = publisher.publish(to_messages(100), Deadline(SHORT), Refusals())
    assert time.monotonic() - started < LONG  # and does not wait until the brokers are back
    assert set(deliveries) == {Delivery.UNKNOWN}
    kafka.start()
    time.sleep(1)
    assert read_topic(kafka.bootstrap, kafka.topic) == []
    assert set(publisher.publish(to_messages(100), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


def test_publish__reports_a_lost_acknowledgement(kafka: MockKafka) -> None:
    """What may have been written is unknown; sent again, all is there and each entity's first appearances in order."""
    publisher = to_publisher(kafka)
    messages = to_messages(100)
    assert set(publisher.publish(messages[:50], Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    kafka.delay(3000)
    deliveries = publisher.publish(messages[50:], Deadline(SHORT), Refusals())
    assert set(deliveries) == {Delivery.UNKNOWN}
    kafka.delay(0)
    assert set(publisher.publish(messages[50:], Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


def test_publish__delivers_what_it_can_when_a_broker_is_down() -> None:
    """Partitions whose leader lives are delivered, the others unknown."""
    with run_mock_kafka(brokers=3, partitions=6) as kafka:
        publisher = to_publisher(kafka)
        publisher.open(Deadline(LONG))
        kafka.stop_one(1)
        deliveries = publisher.publish(to_messages(300, entities=50), Deadline(2), Refusals())
        assert set(deliveries) == {Delivery.DELIVERED, Delivery.UNKNOWN}
        kafka.start()
        first = deliveries.index(Delivery.UNKNOWN)
        again = publisher.publish(to_messages(300, entities=50)[first:], Deadline(LONG), Refusals())
        assert set(again) == {Delivery.DELIVERED}
        assert_complete_and_in_order(kafka, 300)


def test_publish__makes_a_new_producer_after_a_fatal_error(kafka: MockKafka) -> None:
    """A lost idempotent producer costs one answer, not the execution environment."""
    publisher = to_publisher(kafka)
    publisher.publish(to_messages(10), Deadline(LONG), Refusals())
    kafka.fail(PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    deliveries = publisher.publish(to_messages(100), Deadline(SHORT), Refusals())
    if Delivery.UNKNOWN in deliveries:
        publisher.publish(to_messages(100)[deliveries.index(Delivery.UNKNOWN) :], Deadline(LONG), Refusals())
    assert_complete_and_in_order(kafka, 100)


class NoSecrets(Authentication):
    """A way to authenticate that needs nothing: what waits for Kafka waits as it does where it authenticates."""

    def __init__(self) -> None:
        super().__init__(read_settings({"KAFKA_BROKER_URL": "b:1", "SCHEMA_ID": "7", "KAFKA_AUTH": "tls"}))

    @override
    def read_properties(self, deadline: Deadline) -> dict[str, Any]:
        """No properties, since the mock cluster speaks no TLS."""
        return {}


@pytest.mark.parametrize(
    ("milliseconds", "authentication"), [(900, NoSecrets()), (1500, None)], ids=["authenticating", "slower"]
)
def test_publish__gets_through_to_a_slow_cluster(
    kafka: MockKafka, milliseconds: int, authentication: NoSecrets | None
) -> None:
    """A new producer takes the time that a batch has, since each of a slow cluster's answers is late."""
    kafka.delay(milliseconds)
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap}, authentication)
    assert set(publisher.publish(to_messages(40), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}


class RefusedByLeader:
    """A client that finds its topic, since one broker accepts it, and that the partitions' leader refuses."""

    def __init__(self, errors: ClientErrors) -> None:
        self._errors = errors
        self._reports: list[Any] = []

    def produce(self, *arguments: Any) -> None:  # noqa: ANN401  # as the client's own
        """Takes a message."""
        self._reports.append(arguments[4])

    def purge(self, **_: bool) -> None:
        """Reports what is purged at the next flush."""

    def flush(self, _: float) -> None:
        """Says that the leader refuses, and reports what that purges."""
        self._errors(KafkaError(KafkaError._SSL, "certificate verify failed"))  # noqa: SLF001  # librdkafka's own code
        while self._reports:
            self._reports.pop()(KafkaError(KafkaError._PURGE_QUEUE), None)  # noqa: SLF001  # librdkafka's own code


def test_publish__raises_where_each_attempt_is_refused(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a refusal of what was accepted before is left to the retry, also where another broker still accepts it."""
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap}, NoSecrets())
    assert publisher.publish([to_message(0)], Deadline(LONG), Refusals()) == [Delivery.DELIVERED]
    kafka.stop()
    assert publisher.publish([to_message(1)], Deadline(SHORT), Refusals()) == [Delivery.UNKNOWN]
    monkeypatch.setattr("feature_events.kafka.publisher.connect", lambda *given: RefusedByLeader(given[-1]))
    assert publisher.publish([to_message(1)], Deadline(LONG), Refusals()) == [Delivery.UNKNOWN]
    for _ in range(2):
        with pytest.raises(Misconfigured, match="authentication to Kafka failed"):
            publisher.publish([to_message(1)], Deadline(LONG), Refusals())


def test_publish__writes_little_twice_while_a_partition_has_no_leader() -> None:
    """Ten retries of a thousand events, one of whose four partitions has no leader, write at most two thousand."""
    with run_mock_kafka(brokers=4) as kafka:
        publisher = to_publisher(kafka)
        publisher.open(Deadline(LONG))
        kafka.stop_one(2)
        left = to_messages(1000, entities=100)
        led = next(each for each in left if publisher.publish([each], Deadline(SHORT), Refusals())[0] is DELIVERED)
        for _ in range(10):
            deliveries = publisher.publish(left, Deadline(SHORT), Refusals())
            left = left[deliveries.index(Delivery.UNKNOWN) :]
            assert publisher.publish([led], Deadline(SHORT), Refusals()) == [DELIVERED]  # another shard's
        kafka.start()
        assert set(publisher.publish(left, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
        assert_complete_and_in_order(kafka, 1000)
        assert len(read_topic(kafka.bootstrap, kafka.topic)) <= 2000


def test_publish__sends_nothing_behind_a_refused_message_that_is_not_stored(kafka: MockKafka) -> None:
    """Where the dead-letter store does not take the first message, no retry writes what is behind it again."""
    publisher = to_publisher(kafka)
    messages = [to_message(0, size=2_000_000), *to_messages(20)[1:]]
    for _ in range(3):
        deliveries = publisher.publish(messages, Deadline(LONG), Refusals(stored=False))
        assert set(deliveries) == {Delivery.UNKNOWN}
    assert read_topic(kafka.bootstrap, kafka.topic) == []


def test_publish__sends_the_rest_behind_a_probe_that_is_refused(kafka: MockKafka) -> None:
    """A batch that is retried begins with its first message; where Kafka refuses that, the others are delivered."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
    assert Delivery.UNKNOWN in publisher.publish(to_messages(20), Deadline(SHORT), Refusals())
    kafka.recover(PRODUCE)
    kafka.fail(PRODUCE, KafkaError.INVALID_RECORD)
    refusals = Refusals()
    deliveries = publisher.publish(to_messages(20), Deadline(LONG), refusals)
    assert (refusals.seen, deliveries) == ([0], [Delivery.REFUSED, *[Delivery.DELIVERED] * 19])


def test_publish__waits_for_a_slow_producer_id(kafka: MockKafka) -> None:
    """A coordinator that is still loading delays, and is not reported."""
    kafka.fail(INIT_PRODUCER_ID, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
    deliveries = to_publisher(kafka).publish(to_messages(10), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}


def test_publish__says_that_it_may_not_write_idempotently(kafka: MockKafka) -> None:
    """A cluster that gives no producer id to us is a misconfiguration with the permission to grant."""
    kafka.fail(INIT_PRODUCER_ID, *[KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 100)
    with pytest.raises(Misconfigured, match="WriteDataIdempotently"):
        to_publisher(kafka).publish(to_messages(10), Deadline(LONG), Refusals())


def test_publish__asks_for_metadata_once(kafka: MockKafka) -> None:
    """A warm environment does not look the topic up again: were it asked, it would be refused."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.fail(METADATA, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 10)
    for _ in range(3):
        assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}


def test_publish__goes_on_in_waves_when_the_queue_is_full(kafka: MockKafka) -> None:
    """A small queue makes more waves, not errors."""
    publisher = to_publisher(kafka, queue_buffering_max_messages=10)
    deliveries = publisher.publish(to_messages(95), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 95)
