"""The real publisher keeps on the model every promise that it keeps on real Kafka: the proof may trust the model."""

from collections.abc import Callable
from typing import override

import pytest

from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka import producer as producer_module
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from feature_events.pipeline import MessagePublisher
from tests.integration import test_publisher_contract as contract
from tests.support.doubles import FakeClock
from tests.support.messages import Refusals, to_messages, to_whole_message
from tests.support.modelled_kafka import Fate, ModelledKafka

PROMISES = [
    contract.test_publish__delivers_whole_messages_in_order,
    contract.test_publish__has_nothing_to_do_for_nothing,
    contract.test_publish__refuses_the_oversize_alone,
    contract.test_publish__stops_where_a_refused_message_has_nowhere_to_go,
    contract.test_publish__sends_nothing_after_the_deadline,
    contract.test_publish__knows_nothing_where_kafka_is_away,
    contract.test_publish__fails_without_a_topic,
]


class ModelledBed(contract.Bed):
    """The real publisher on the model."""

    def __init__(self, kafka: ModelledKafka) -> None:
        self.kafka = kafka
        properties = {**DEFAULTS, "bootstrap.servers": "model:1", "message.max.bytes": contract.LIMIT}
        self._publisher = Publisher("events", properties)

    @property
    @override
    def publisher(self) -> MessagePublisher:
        return self._publisher

    @override
    def read(self) -> list[Message]:
        written = [each for log in self.kafka.logs for each in log]
        return [to_whole_message(each.key, each.value, list(each.headers), each.timestamp_ms) for each in written]

    @override
    def publisher_without_topic(self) -> MessagePublisher:
        self.kafka.topic_exists = False
        return self._publisher

    @override
    def publisher_without_kafka(self) -> MessagePublisher:
        self.kafka.reachable = False
        return self._publisher


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch) -> ModelledBed:
    """A publisher whose producers are the model's."""
    kafka = ModelledKafka(FakeClock())
    monkeypatch.setattr(producer_module, "Producer", kafka.to_producer)
    return ModelledBed(kafka)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_publish__keeps_on_the_model_what_it_keeps_on_kafka(
    bed: ModelledBed, promise: Callable[[contract.Bed], None]
) -> None:
    """The contract's own tests, on the model."""
    promise(bed)


# As integration/faults/test_publisher.py has it of the real producer: the fate, what is reported, how much is written
FATES = [
    (Fate.WRITTEN, {Delivery.DELIVERED}, 100, 100),
    (Fate.SLOW, {Delivery.DELIVERED}, 100, 100),
    (Fate.AWAY, {Delivery.UNKNOWN}, 0, 0),
    (Fate.LOST, {Delivery.UNKNOWN}, 100, 100),
    (Fate.LATE, {Delivery.UNKNOWN}, 0, 100),
    (Fate.FATAL, {Delivery.UNKNOWN}, 0, 0),
]


@pytest.mark.parametrize(("fate", "reported", "at_once", "in_the_end"), FATES, ids=str)
def test_publish__reports_each_fate(
    bed: ModelledBed, fate: Fate, reported: set[Delivery], at_once: int, in_the_end: int
) -> None:
    """Each fate is reported as the real producer reports it, and what is on the wire arrives later."""
    bed.kafka.fates.extend([fate] * 2)
    deliveries = bed.publisher.publish(to_messages(100), Deadline(20, bed.kafka.clock), Refusals())
    assert (set(deliveries), len(bed.read())) == (reported, at_once)
    bed.kafka.catch_up()
    bed.kafka.thaw()
    assert len(bed.read()) == in_the_end
