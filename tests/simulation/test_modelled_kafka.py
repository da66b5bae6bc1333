"""The publisher behaves the same on the model and on real Kafka, so simulations can use the model."""

from collections.abc import Callable
from typing import override

import pytest

from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka import producer as producer_module
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.integration import test_publisher_contract as contract
from tests.support.doubles import FakeClock
from tests.support.messages import Refusals, to_messages, to_whole_message
from tests.support.modelled_kafka import Fate, ModelledKafka

PROMISES = [
    contract.test_publish__delivers_whole_messages_in_order,
    contract.test_publish__accepts_an_empty_batch,
    contract.test_publish__refuses_only_an_oversized_message,
    contract.test_publish__stops_if_a_rejected_message_is_not_stored,
    contract.test_publish__sends_nothing_after_the_deadline,
    contract.test_publish__reports_unknown_if_kafka_is_unreachable,
    contract.test_publish__fails_without_a_topic,
]


class ModelledBed(contract.Bed):
    """The real publisher on the model."""

    def __init__(self, kafka: ModelledKafka) -> None:
        self.kafka = kafka
        properties = {**DEFAULTS, "bootstrap.servers": "model:1", "message.max.bytes": contract.LIMIT}
        super().__init__(Publisher("events", properties))

    @override
    def read(self) -> list[Message]:
        written = [each for log in self.kafka.logs for each in log]
        return [to_whole_message(each.key, each.value, list(each.headers), each.timestamp_ms) for each in written]

    @override
    def publisher_without_topic(self) -> Publisher:
        self.kafka.topic_exists = False
        return self.publisher

    @override
    def publisher_without_kafka(self) -> Publisher:
        self.kafka.reachable = False
        return self.publisher


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch) -> ModelledBed:
    """Create a publisher on the model."""
    kafka = ModelledKafka(FakeClock())
    monkeypatch.setattr(producer_module, "Producer", kafka.to_producer)
    return ModelledBed(kafka)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_publish__passes_the_contract_on_the_model(bed: ModelledBed, promise: Callable[[contract.Bed], None]) -> None:
    """The tests are those of the publisher contract."""
    promise(bed)


# The fate, the reported outcomes, and how many messages are written. integration/faults/test_publisher.py tests the
# same with the real producer.
FATES = [
    (Fate.WRITTEN, {Delivery.DELIVERED}, 100, 100),
    (Fate.SLOW, {Delivery.DELIVERED}, 100, 100),
    (Fate.AWAY, {Delivery.UNKNOWN}, 0, 0),
    (Fate.LOST, {Delivery.UNKNOWN}, 100, 100),
    (Fate.LATE, {Delivery.UNKNOWN}, 0, 100),
    (Fate.FATAL, {Delivery.UNKNOWN}, 0, 0),
]


@pytest.mark.parametrize(("fate", "reported", "first", "in_the_end"), FATES, ids=str)
def test_publish__reports_each_fate(
    bed: ModelledBed, fate: Fate, reported: set[Delivery], first: int, in_the_end: int
) -> None:
    """Each fate is reported like by the real producer, and batches in flight arrive later."""
    bed.kafka.fates.extend([fate] * 2)
    deliveries = bed.publisher.publish(to_messages(100), Deadline(20, bed.kafka.clock), Refusals())
    assert (set(deliveries), len(bed.read())) == (reported, first)
    bed.kafka.catch_up()
    bed.kafka.thaw()
    assert len(bed.read()) == in_the_end
