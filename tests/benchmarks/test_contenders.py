"""All contenders do the same work."""

from uuid import UUID

import pytest

from benchmarks.broker import run_broker
from benchmarks.worker import SCHEMA_ID, TOPIC, make_settings, run_worker
from feature_events.events.message import to_confluent_prefix
from tests.support.topics import read_topic

FEATURES, RECORDS = 20, 25


def read_messages(contender: str) -> list[tuple[int, bytes, bytes]]:
    """Return the partition, key and value of the messages that a contender sends for one batch."""
    with run_broker() as brokers:
        with run_worker(contender, make_settings(brokers)) as worker:
            worker.measure(FEATURES, RECORDS, 1)
        return sorted((each.partition, each.key, each.value) for each in read_topic(brokers, TOPIC))


@pytest.mark.parametrize("contender", ["usual", "former", "prebuilt"])
def test_contender__sends_the_same_messages(contender: str) -> None:
    """Keys, values and partitions equal those of this project's handler."""
    expected = read_messages("ours")
    assert len(expected) == RECORDS
    assert read_messages(contender) == expected


@pytest.mark.parametrize("contender", ["backfill", "backfill_reading"])
def test_backfill__sends_the_same_messages_except_for_their_ids(contender: str) -> None:
    """Keys, partitions and the bytes after the event's id equal those of this project's handler."""
    rest = len(to_confluent_prefix(SCHEMA_ID)) + 1 + len(str(UUID(int=0)))
    expected, found = (
        sorted((partition, key, value[rest:]) for partition, key, value in read_messages(each))
        for each in ("ours", contender)
    )
    assert len(expected) == RECORDS
    assert found == expected
