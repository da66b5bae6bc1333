"""The contenders are fair: all of them do the same work."""

import pytest

from benchmarks.broker import run_broker
from benchmarks.worker import TOPIC, run_worker, to_settings
from tests.support.topics import read_topic

FEATURES, RECORDS = 20, 25


def read_messages(contender: str) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of all that a contender makes of one batch."""
    with run_broker() as brokers:
        with run_worker(contender, to_settings(brokers, headers=False)) as worker:
            worker.measure(FEATURES, RECORDS, 1)
        return sorted((each.partition, each.key, each.value) for each in read_topic(brokers, TOPIC))


@pytest.mark.parametrize("contender", ["usual", "former", "prebuilt"])
def test_contender__gives_the_same_messages(contender: str) -> None:
    """Each puts the same keys and values into the same partitions as this project's handler."""
    expected = read_messages("ours")
    assert len(expected) == RECORDS
    assert read_messages(contender) == expected
