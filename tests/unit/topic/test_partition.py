"""Test that an entity's partition is the one that Kafka's clients choose."""

import pytest
from confluent_kafka import Producer

from feature_events.topic.partition import find_partition, murmur2

_32_BITS = 2**32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2__has_the_values_of_kafkas_own_tests(text: str, expected: int) -> None:
    """They are from UtilsTest.java."""
    assert murmur2(text.encode()) == expected % _32_BITS


def test_find_partition__is_that_of_the_producer() -> None:
    """A producer with the function's partitioner chooses the same partitions."""
    partitions: dict[bytes, int] = {}
    producer = Producer({"test.mock.num.brokers": 1, "partitioner": "murmur2_random", "log_level": 0})

    def note(_: object, message: object) -> None:
        partitions[message.key()] = message.partition()  # type: ignore[attr-defined]  # a Message

    keys = [f"user-{number}-\N{LATIN SMALL LETTER E WITH ACUTE}".encode() for number in range(50)]
    for key in keys:
        producer.produce("events", b"", key, on_delivery=note)
    assert producer.flush(20) == 0
    assert partitions == {key: find_partition(key, 4) for key in keys}  # the embedded broker's topics have 4 partitions
