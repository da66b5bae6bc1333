"""The preflight check does not wait for background threads, and needs one reachable broker."""

from collections.abc import Iterator

import pytest

from feature_events.deadline import Deadline
from feature_events.preflight.run import run_checks
from tests.support.mock_kafka import MockKafka, run_mock_kafka
from tests.support.resolver import blocking_producers

LONG = 20.0


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """Run a cluster for the check."""
    with run_mock_kafka() as running:
        yield running


def test_run_checks__does_not_wait_for_the_clients_threads(kafka: MockKafka) -> None:
    """A producer whose threads still resolve an address is closed after the report."""
    environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": kafka.topic}
    with blocking_producers(LONG) as closing:
        report = run_checks(environ, Deadline(LONG))
        assert {each["name"]: each["ok"] for each in report["checks"]}["authentication"]
        assert closing.happened_after_return(LONG)


@pytest.mark.parametrize(("brokers", "is_reachable"), [("{up},{down}", True), ("{down}", False)])
def test_run_checks__needs_one_reachable_broker(kafka: MockKafka, brokers: str, is_reachable: bool) -> None:  # noqa: FBT001  # pytest passes it by name
    """Authentication is checked if one of several brokers can be reached, and skipped if none can."""
    address = brokers.format(up=kafka.bootstrap, down="127.0.0.1:1")
    environ = {"KAFKA_BROKER_URL": address, "SCHEMA_ID": "7", "TOPIC_NAME": kafka.topic}
    found = {each["name"]: each for each in run_checks(environ, Deadline(LONG))["checks"]}
    assert not found["TCP 127.0.0.1:1"]["ok"]
    assert found["authentication"]["ok"] is is_reachable
    assert found["topic configuration"]["ok"] is is_reachable
    assert is_reachable or found["authentication"]["detail"] == "skipped: fix TCP 127.0.0.1:1 first"


def test_run_checks__does_not_fail_without_an_answer_about_the_configuration(kafka: MockKafka) -> None:
    """The mock broker answers no administrative request. The check waits for five seconds, and reports the error."""
    environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": kafka.topic}
    found = {each["name"]: each for each in run_checks(environ, Deadline(LONG))["checks"]}["topic configuration"]
    assert found["status"] == "warning"
    assert "the topic's configuration could not be read (_TIMED_OUT: " in found["detail"]
