"""Fixtures for tests with faults."""

from collections.abc import Iterator

import pytest

from tests.support.mock_kafka import MockKafka, run_mock_kafka


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """Run a mock broker with a topic of four partitions."""
    with run_mock_kafka() as cluster:
        yield cluster
