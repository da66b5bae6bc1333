"""The preflight check warns about a topic on which events can be lost or cannot be ordered."""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest

from feature_events.deadline import Deadline
from feature_events.preflight.check import CheckResult
from feature_events.preflight.run import run_checks
from local.servers.kafka import Kafka
from local.servers.topic import DEFAULT_REPLICAS, create_topic

LONG = 60.0
BROKERS = 2
LOG_APPEND_TIME = (
    "message.timestamp.type is LogAppendTime: Kafka replaces the times of events, so that consumers order them by "
    "arrival; set it to CreateTime"
)
ONE_REPLICA = (
    "the replication factor is 1: events are lost if the broker that stores them fails; use 3 in production (1 is "
    "normal on a test cluster with one broker)"
)
ONE_IN_SYNC = (
    "min.insync.replicas is 1: Kafka acknowledges events that only one broker has stored; use 2 with replication "
    "factor 3"
)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Run a cluster whose topics have two replicas and, by default, `min.insync.replicas` 1."""
    with Kafka(tmp_path_factory.mktemp("kafka"), brokers=BROKERS) as running:
        yield running


def check(kafka: Kafka, config: Mapping[str, str], replicas: int = DEFAULT_REPLICAS) -> CheckResult:
    """Create a topic with this configuration, and return the result of its check."""
    topic = f"topic-{uuid4().hex}"
    create_topic(kafka.bootstrap, topic, 2, config, replicas)
    environ = {"KAFKA_BROKER_URL": kafka.bootstrap, "SCHEMA_ID": "7", "TOPIC_NAME": topic}
    checks = {each["name"]: each for each in run_checks(environ, Deadline(LONG))["checks"]}
    assert [name for name, each in checks.items() if not each["ok"]] == ["dead letters"]  # there is no bucket
    return checks["topic configuration"]


def test_check__passes_for_a_topic_as_recommended(kafka: Kafka) -> None:
    """The detail contains what the check compared."""
    assert check(kafka, {"min.insync.replicas": "2"}) == {
        "name": "topic configuration",
        "ok": True,
        "status": "ok",
        "detail": "the replication factor is 2; message.timestamp.type is CreateTime; min.insync.replicas is 2",
    }


@pytest.mark.parametrize(
    ("config", "replicas", "detail"),
    [
        ({"message.timestamp.type": "LogAppendTime", "min.insync.replicas": "2"}, DEFAULT_REPLICAS, LOG_APPEND_TIME),
        ({"min.insync.replicas": "2"}, 1, ONE_REPLICA),
        ({}, DEFAULT_REPLICAS, ONE_IN_SYNC),
        ({"message.timestamp.type": "LogAppendTime"}, 1, f"{LOG_APPEND_TIME}; {ONE_REPLICA}; {ONE_IN_SYNC}"),
    ],
    ids=["LogAppendTime", "one replica", "one in-sync replica", "all three"],
)
def test_check__passes_with_a_warning(kafka: Kafka, config: Mapping[str, str], replicas: int, detail: str) -> None:
    """Each warning says what to change. Values that are the cluster's defaults are compared too."""
    assert check(kafka, config, replicas) == {
        "name": "topic configuration",
        "ok": True,
        "status": "warning",
        "detail": detail,
    }
