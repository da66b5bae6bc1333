"""With faults of the brokers, the publisher reports the true outcomes and preserves order.

The mock cluster injects faults such as a lost leader or a rejected batch at exact times.
"""

from itertools import chain
from typing import Any, override

import pytest
from confluent_kafka import KafkaError

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.errors import ClientErrors
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from feature_events.settings.settings import read_settings
from tests.integration.faults.publishers import LONG, SHORT, to_publisher
from tests.support.messages import Refusals, number_of, to_message, to_messages
from tests.support.mock_kafka import INIT_PRODUCER_ID, METADATA, PRODUCE, MockKafka, run_mock_kafka
from tests.support.topics import read_topic

DELIVERED = Delivery.DELIVERED


def numbers_in(kafka: MockKafka) -> dict[bytes, list[int]]:
    """Return the numbers in the topic by entity, in order of their first appearance."""
    found: dict[bytes, list[int]] = {}
    for message in read_topic(kafka.bootstrap, kafka.topic):
        number = number_of(message.value)
        entity = found.setdefault(message.key, [])
        if number not in entity:
            entity.append(number)
    return found


def assert_complete_and_in_order(kafka: MockKafka, count: int) -> None:
    """Assert that every number is in the topic, in order per entity."""
    found = numbers_in(kafka)
    assert sorted(chain.from_iterable(found.values())) == [*range(count)]
    assert all(numbers == sorted(numbers) for numbers in found.values())


def test_publish__sends_one_request_per_partition(kafka: MockKafka) -> None:
    """The messages of a wave for one partition are one batch, which preserves order during faults.

    Each injected error fails one request. With two requests for a partition, some messages would be delivered.
    """
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 4)
    with pytest.raises(Misconfigured, match="TOPIC_AUTHORIZATION_FAILED"):
        publisher.publish(to_messages(5000, entities=100), Deadline(LONG), Refusals())
    assert read_topic(kafka.bootstrap, kafka.topic) == []


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.NOT_ENOUGH_REPLICAS])
def test_publish__retries_a_temporary_fault(kafka: MockKafka, code: int) -> None:
    """A fault that the producer's retries overcome is not reported."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, code, code)
    deliveries = publisher.publish(to_messages(100), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


@pytest.mark.parametrize(
    "code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD]
)
def test_publish__splits_a_rejected_batch(kafka: MockKafka, code: int) -> None:
    """If one message fails a batch, the others are still delivered in order."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, code)
    refusals = Refusals()
    deliveries = publisher.publish(to_messages(200), Deadline(LONG), refusals)
    assert (set(deliveries), refusals.seen) == ({Delivery.DELIVERED}, [])
    assert_complete_and_in_order(kafka, 200)


def test_publish__refuses_a_message_rejected_alone(kafka: MockKafka) -> None:
    """Only then is it certain which message the broker rejects."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, KafkaError.INVALID_RECORD)
    refusals = Refusals()
    assert publisher.publish([to_message(0)], Deadline(LONG), refusals) == [Delivery.REFUSED]
    assert refusals.seen == [0]


def test_publish__does_not_refuse_a_corrupted_message(kafka: MockKafka) -> None:
    """A wrong checksum is a fault of the network, so the message is delivered or reported as unknown."""
    kafka.fail(PRODUCE, KafkaError.INVALID_MSG)
    refusals = Refusals()
    publisher = to_publisher(kafka)
    publisher.publish([to_message(0)], Deadline(SHORT), refusals)
    assert refusals.seen == []
    assert publisher.publish([to_message(0)], Deadline(LONG), refusals) == [Delivery.DELIVERED]


def test_publish__reports_a_lost_acknowledgement_as_unknown(kafka: MockKafka) -> None:
    """The messages may have been written. After a retry all are in the topic, and first appearances are in order."""
    publisher = to_publisher(kafka)
    messages = to_messages(100)
    assert set(publisher.publish(messages[:50], Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    kafka.delay(3000)
    deliveries = publisher.publish(messages[50:], Deadline(SHORT), Refusals())
    assert set(deliveries) == {Delivery.UNKNOWN}
    kafka.delay(0)
    assert set(publisher.publish(messages[50:], Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    assert_complete_and_in_order(kafka, 100)


def test_publish__delivers_to_partitions_with_a_leader() -> None:
    """With a stopped broker, the messages for its partitions are unknown."""
    with run_mock_kafka(brokers=3, partitions=6) as kafka:
        publisher = to_publisher(kafka)
        publisher.open(Deadline(LONG))
        kafka.stop_one(1)
        deliveries = publisher.publish(to_messages(300, entities=50), Deadline(2), Refusals())
        assert set(deliveries) == {Delivery.DELIVERED, Delivery.UNKNOWN}
        kafka.start()
        first = deliveries.index(Delivery.UNKNOWN)
        retried = publisher.publish(to_messages(300, entities=50)[first:], Deadline(LONG), Refusals())
        assert set(retried) == {Delivery.DELIVERED}
        assert_complete_and_in_order(kafka, 300)


class NoSecrets(Authentication):
    """An authentication without secrets or TLS. The publisher behaves as with authentication."""

    def __init__(self) -> None:
        super().__init__(read_settings({"KAFKA_BROKER_URL": "b:1", "SCHEMA_ID": "7", "KAFKA_AUTH": "tls"}))

    @override
    def read_properties(self, deadline: Deadline) -> dict[str, Any]:
        """Return no properties, because the mock cluster does not support TLS."""
        return {}


@pytest.mark.parametrize(
    ("milliseconds", "authentication"), [(900, NoSecrets()), (1500, None)], ids=["authenticating", "slower"]
)
def test_publish__delivers_to_a_slow_cluster(
    kafka: MockKafka, milliseconds: int, authentication: NoSecrets | None
) -> None:
    """Connecting to a slow cluster may take as long as the batch has time."""
    kafka.delay(milliseconds)
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap}, authentication)
    assert set(publisher.publish(to_messages(40), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}


class RefusedByLeader:
    """A client that finds its topic with one broker, and that the partitions' leader rejects."""

    def __init__(self, errors: ClientErrors) -> None:
        self._errors = errors
        self._reports: list[Any] = []

    def produce(self, *arguments: Any) -> None:  # noqa: ANN401  # as the client's own
        """Accept a message."""
        self._reports.append(arguments[4])

    def purge(self, **_: bool) -> None:
        """Do nothing. The next flush reports the purged messages."""

    def flush(self, _: float) -> None:
        """Report the leader's rejection and the purged messages."""
        self._errors(KafkaError(KafkaError._SSL, "certificate verify failed"))  # noqa: SLF001  # librdkafka's own code
        while self._reports:
            self._reports.pop()(KafkaError(KafkaError._PURGE_QUEUE), None)  # noqa: SLF001  # librdkafka's own code


def test_publish__raises_if_every_attempt_is_rejected(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a rejection of secrets that were accepted before is left to a retry."""
    publisher = Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap}, NoSecrets())
    assert publisher.publish([to_message(0)], Deadline(LONG), Refusals()) == [Delivery.DELIVERED]
    kafka.stop()
    assert publisher.publish([to_message(1)], Deadline(SHORT), Refusals()) == [Delivery.UNKNOWN]
    monkeypatch.setattr("feature_events.kafka.publisher.connect", lambda *given: RefusedByLeader(given[-1]))
    assert publisher.publish([to_message(1)], Deadline(LONG), Refusals()) == [Delivery.UNKNOWN]
    for _ in range(2):
        with pytest.raises(Misconfigured, match="authentication to Kafka failed"):
            publisher.publish([to_message(1)], Deadline(LONG), Refusals())


def test_publish__writes_few_duplicates_while_a_partition_has_no_leader() -> None:
    """Ten retries of a thousand events write at most two thousand if one of four partitions has no leader."""
    with run_mock_kafka(brokers=4) as kafka:
        publisher = to_publisher(kafka)
        publisher.open(Deadline(LONG))
        kafka.stop_one(2)
        left = to_messages(1000, entities=100)
        led = next(each for each in left if publisher.publish([each], Deadline(SHORT), Refusals())[0] is DELIVERED)
        for _ in range(10):
            deliveries = publisher.publish(left, Deadline(SHORT), Refusals())
            left = left[deliveries.index(Delivery.UNKNOWN) :]
            assert publisher.publish([led], Deadline(SHORT), Refusals()) == [DELIVERED]  # from another shard
        kafka.start()
        assert set(publisher.publish(left, Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
        assert_complete_and_in_order(kafka, 1000)
        assert len(read_topic(kafka.bootstrap, kafka.topic)) <= 2000


def test_publish__sends_nothing_after_a_rejected_message_that_is_not_stored(kafka: MockKafka) -> None:
    """While the first message cannot be dead-lettered, retries write none of the others."""
    publisher = to_publisher(kafka)
    messages = [to_message(0, size=2_000_000), *to_messages(20)[1:]]
    for _ in range(3):
        deliveries = publisher.publish(messages, Deadline(LONG), Refusals(stored=False))
        assert set(deliveries) == {Delivery.UNKNOWN}
    assert read_topic(kafka.bootstrap, kafka.topic) == []


def test_publish__sends_the_rest_after_a_rejected_first_message(kafka: MockKafka) -> None:
    """A retried batch starts with its first message alone. If Kafka rejects it, the others are delivered."""
    publisher = to_publisher(kafka)
    kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
    assert Delivery.UNKNOWN in publisher.publish(to_messages(20), Deadline(SHORT), Refusals())
    kafka.recover(PRODUCE)
    kafka.fail(PRODUCE, KafkaError.INVALID_RECORD)
    refusals = Refusals()
    deliveries = publisher.publish(to_messages(20), Deadline(LONG), refusals)
    assert (refusals.seen, deliveries) == ([0], [Delivery.REFUSED, *[Delivery.DELIVERED] * 19])


def test_publish__waits_for_a_slow_producer_id(kafka: MockKafka) -> None:
    """A coordinator that is still loading causes a delay, and no error."""
    kafka.fail(INIT_PRODUCER_ID, KafkaError.COORDINATOR_LOAD_IN_PROGRESS)
    deliveries = to_publisher(kafka).publish(to_messages(10), Deadline(LONG), Refusals())
    assert set(deliveries) == {Delivery.DELIVERED}


def test_publish__explains_a_missing_permission_to_write_idempotently(kafka: MockKafka) -> None:
    """The error contains the permission to grant."""
    kafka.fail(INIT_PRODUCER_ID, *[KafkaError.CLUSTER_AUTHORIZATION_FAILED] * 100)
    with pytest.raises(Misconfigured, match="WriteDataIdempotently"):
        to_publisher(kafka).publish(to_messages(10), Deadline(LONG), Refusals())


def test_publish__requests_metadata_once(kafka: MockKafka) -> None:
    """Further metadata requests of a warm environment would fail here."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.fail(METADATA, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 10)
    for _ in range(3):
        assert set(publisher.publish(to_messages(10), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
