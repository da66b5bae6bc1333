"""The publisher dead-letters only rejected messages and preserves order, for any rejected messages and batch fates.

The publisher is real, and librdkafka is a model. tests/integration/faults tests some cases with real brokers.
"""

from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import patch

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka import producer as producer_module
from feature_events.kafka import publisher as publisher_module
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from tests.support.doubles import FakeClock
from tests.support.messages import Refusals, number_of, to_messages
from tests.support.modelled_kafka import Fate, ModelledKafka

COUNT, ENTITIES, SECONDS = 40, 5, 20.0
SMALL_WAVES = {**DEFAULTS, "bootstrap.servers": "model:1", "message.max.bytes": 14_000}
BAD = st.sets(st.integers(0, COUNT - 1))
FATES = st.lists(st.sampled_from([Fate.WRITTEN, Fate.SLOW, Fate.AWAY, Fate.LOST, Fate.LATE, Fate.FATAL]), max_size=12)


def run(kafka: ModelledKafka, bad: set[int], invocations: int) -> list[int]:
    """Publish as Lambda does, retrying from the first unknown message; return the numbers of the refused messages."""
    kafka.rejects = lambda written: number_of(written.value) in bad
    publisher, first, refused = Publisher("events", SMALL_WAVES), 0, list[int]()
    for _ in range(invocations):
        refusals = Refusals()
        left = to_messages(COUNT, entities=ENTITIES)[first:]
        deliveries = publisher.publish(left, Deadline(SECONDS, kafka.clock), refusals)
        refused += [first + index for index in refusals.seen]
        kafka.catch_up()
        if Delivery.UNKNOWN not in deliveries:
            break
        first += deliveries.index(Delivery.UNKNOWN)
    return refused


def first_appearances(kafka: ModelledKafka) -> dict[bytes, list[int]]:
    """Return the numbers in the topic by entity, each once, in the order of their first appearance."""
    found: dict[bytes, list[int]] = {}
    for written in (each for log in kafka.logs for each in log):
        numbers = found.setdefault(written.key, [])
        if number_of(written.value) not in numbers:
            numbers.append(number_of(written.value))
    return found


def assert_good_are_written(kafka: ModelledKafka, bad: set[int]) -> None:
    """Assert that all messages but the bad ones are in the topic, in order per entity."""
    found = first_appearances(kafka)
    assert sorted(number for numbers in found.values() for number in numbers) == sorted(set(range(COUNT)) - bad)
    assert all(numbers == sorted(numbers) for numbers in found.values())


class FakeAuthentication:
    """An authentication that counts how often its secrets are forgotten."""

    def __init__(self) -> None:
        self.forgotten = 0
        self.error: Misconfigured | None = None

    def read_properties(self, _: Deadline) -> dict[str, str]:
        """Return no properties, or raise the secret's error."""
        if self.error:
            raise self.error
        return {}

    def is_current(self) -> bool:
        """Return True."""
        return True

    def accept(self) -> None:
        """Do nothing."""

    def forget(self) -> bool:
        """Count the call, and return that Kafka had not accepted the secrets."""
        self.forgotten += 1
        return False


REFUSAL = KafkaError(KafkaError._AUTHENTICATION)  # noqa: SLF001  # librdkafka's own code


@pytest.mark.parametrize(("refusal", "forgotten"), [(None, 0), (REFUSAL, 1)])
def test_publish__forgets_secrets_that_kafka_rejects(refusal: KafkaError | None, forgotten: int) -> None:
    """A missing topic or permission does not cause retries to read secrets and fetch tokens."""

    def connect(*args: Any) -> None:  # noqa: ANN401  # connect's own
        args[-1].refusal = refusal
        raise Misconfigured("Kafka refuses it")

    authentication = FakeAuthentication()
    publisher = Publisher("events", SMALL_WAVES, cast("Any", authentication))
    with patch.object(publisher_module, "connect", connect), pytest.raises(Misconfigured):
        publisher.publish(to_messages(1), Deadline(SECONDS), Refusals())
    assert authentication.forgotten == forgotten


@pytest.mark.parametrize("error", [None, Misconfigured("another form")])
def test_publish__forgets_unusable_secrets(error: Misconfigured | None) -> None:
    """The retry reads a corrected secret, whether its form was wrong or librdkafka rejected its values."""
    authentication = FakeAuthentication()
    authentication.error = error
    publisher = Publisher("events", SMALL_WAVES, cast("Any", authentication))
    with patch.object(producer_module, "Producer", side_effect=ValueError("ssl.key")), pytest.raises(Misconfigured):
        publisher.publish(to_messages(1), Deadline(SECONDS), Refusals())
    assert authentication.forgotten == 1


@given(bad=BAD, partitions=st.integers(1, 3))
def test_publish__refuses_only_rejected_messages(bad: set[int], partitions: int) -> None:
    """In one invocation, each rejected message is refused once, and every other message is written once."""
    kafka = ModelledKafka(FakeClock(), partitions=partitions)
    with patch.object(producer_module, "Producer", kafka.to_producer):
        refused = run(kafka, bad, 1)
    assert sorted(refused) == sorted(bad)
    assert sum(map(len, kafka.logs)) == COUNT - len(bad)
    assert_good_are_written(kafka, bad)


@given(bad=BAD, partitions=st.integers(1, 3), fates=FATES)
def test_publish__refuses_no_good_message_in_an_outage(bad: set[int], partitions: int, fates: Sequence[Fate]) -> None:
    """Whatever the fates of batches, only rejected messages are refused, and all others are written in the end."""
    kafka = ModelledKafka(FakeClock(), partitions=partitions)
    kafka.fates.extend(fates)
    with patch.object(producer_module, "Producer", kafka.to_producer):
        refused = run(kafka, bad, COUNT * 2)
    assert set(refused) == bad
    assert_good_are_written(kafka, bad)
