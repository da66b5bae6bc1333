"""The contenders are fair: all of them do the same work."""

from uuid import UUID

import pytest

from benchmarks.broker import run_broker
from benchmarks.worker import SCHEMA_ID, TOPIC, run_worker, to_settings
from feature_events.events.message import to_confluent_prefix
from tests.support.topics import read_topic

FEATURES, RECORDS = 20, 25


def read_messages(contender: str) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of all that a contender makes of one batch."""
    with run_broker() as brokers:
        with run_worker(contender, to_settings(brokers)) as worker:
            worker.measure(FEATURES, RECORDS, 1)
        return sorted((each.partition, each.key, each.value) for each in read_topic(brokers, TOPIC))


@pytest.mark.parametrize("contender", ["usual", "former", "prebuilt"])
def test_contender__gives_the_same_messages(contender: str) -> None:
    """Each puts the same keys and values into the same partitions as this project's handler."""
    expected = read_messages("ours")
    assert len(expected) == RECORDS
    assert read_messages(contender) == expected


@pytest.mark.parametrize("contender", ["backfill", "backfill_reading"])
def test_contender__of_the_backfill_gives_the_same_messages_but_for_their_ids(contender: str) -> None:
    """Each puts the same keys into the same partitions; behind the event's id the values are the same too."""
    rest = len(to_confluent_prefix(SCHEMA_ID)) + 1 + len(str(UUID(int=0)))
    expected, found = (
        sorted((partition, key, value[rest:]) for partition, key, value in read_messages(each))
        for each in ("ours", contender)
    )
    assert len(expected) == RECORDS
    assert found == expected
