"""The check's report waits for nothing that its checks have left behind."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from feature_events.check import run_checks
from feature_events.deadline import Deadline
from tests.support.mock_kafka import MockKafka, run_mock_kafka

LONG = 20.0


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """A cluster to let the check in."""
    with run_mock_kafka() as running:
        yield running


def test_run_checks__waits_for_no_thread_of_the_client(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer whose threads still ask for an address ends after the report, not before it."""
    returned, ended = threading.Event(), threading.Event()
    in_time: list[bool] = []

    class Asking(Producer):
        def __del__(self) -> None:
            in_time.append(returned.wait(LONG))
            ended.set()

    monkeypatch.setattr("feature_events.connection.Producer", Asking)
    environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": kafka.topic}
    report = run_checks(environ, Deadline(LONG))
    returned.set()
    assert {each["name"]: each["ok"] for each in report["checks"]}["sign-in"]
    assert ended.wait(LONG)
    assert in_time == [True]
