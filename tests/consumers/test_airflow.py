"""The Airflow example: a real Airflow on a real topic, and what its trigger makes of each message.

Airflow is large, so its tests run where `make consume EXAMPLE=airflow` has installed it, or where every toolchain is
asked for.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from fastavro import schemaless_writer

from examples.consumers.airflow.plugins.feature_event_payload import PREFIX_BYTES, RegistryUnavailable, to_payload
from examples.consumers.airflow.run import to_environment
from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import read_consumers
from local.environment import to_tool_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import FIRST_ID, read_former_messages, to_messages
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example, send

LIMIT = 400.0
"""Airflow starts five programs, each of which imports for seconds."""
UNKNOWN_ID = 999
SECRET = b"a payload that nobody may log"
NO_EVENTS: dict[str, bytes | None] = {
    "it has no value": None,
    "its value is not in the wire format": SECRET,
    "the schema registry does not know its schema id 999": b"\0" + UNKNOWN_ID.to_bytes(4) + SECRET,
    "its Avro is not of schema id 1 (EOFError)": b"\0" + FIRST_ID.to_bytes(4) + b"\2",
}
"""Values that are no events, by what is said of them."""


class FakeMessage(NamedTuple):
    """A consumed message, whose parts are methods."""

    sent: SentMessage

    def key(self) -> bytes:
        """As bytes."""
        return self.sent.key

    def value(self) -> bytes | None:
        """As bytes."""
        return self.sent.value

    def headers(self) -> list[tuple[str, bytes]]:
        """In their order."""
        return [(name, text.encode()) for name, text in self.sent.headers.items()]

    def topic(self) -> str:
        """Where it was."""
        return "T"

    def partition(self) -> int:
        """Where it was."""
        return 3

    def offset(self) -> int:
        """Where it was."""
        return 8


class FakeRegistry(NamedTuple):
    """Knows a schema under the first id, the shipped one unless told, or fails."""

    error: Exception | None = None
    schema: str = SHIPPED_SCHEMA

    def get_schema(self, schema_id: int) -> SimpleNamespace:
        """The registered schema."""
        if self.error is not None:
            raise self.error
        if schema_id != FIRST_ID:
            raise SchemaRegistryError(404, 40403, "Schema not found")
        return SimpleNamespace(schema_str=self.schema)


def read(message: SentMessage, registry: FakeRegistry | None = None) -> dict[str, Any]:
    """What the asset event would hold of it."""
    return to_payload(FakeMessage(message), registry or FakeRegistry())  # type: ignore[arg-type]


def to_no_events() -> list[SentMessage]:
    """Messages that are no events."""
    return [SentMessage(b"user-1", value, {}, 0, {}) for value in NO_EVENTS.values()]  # type: ignore[arg-type]  # no message of ours is without a value


@pytest.fixture(scope="session")
def airflow() -> Path:
    """The folder of the example, with its Airflow."""
    folder = read_consumers()["airflow"].directory
    if not (folder / ".venv").exists() and not os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"):
        pytest.skip("Airflow is not installed here: `make consume EXAMPLE=airflow` does it")
    prepare("airflow")
    return folder


@pytest.mark.parametrize("message", [*read_former_messages(), *to_messages(7)], ids=lambda each: each.event["event_id"])
def test_payload__is_the_event(message: SentMessage) -> None:
    """Key, headers and every field, of today and of version 0.1.0."""
    assert read(message) == message.printed


@pytest.mark.parametrize(("reason", "value"), NO_EVENTS.items(), ids=NO_EVENTS)
def test_payload__says_which_message_is_no_event(reason: str, value: bytes | None) -> None:
    """Its topic, partition and offset, and nothing of what is in it."""
    (message,) = [each for each in to_no_events() if each.value == value]
    assert read(message) == {"key": "user-1", "headers": {}, "unreadable": f"T, partition 3, offset 8: {reason}"}


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("refused"),
        SchemaRegistryError(503, 50301, "down"),
        SchemaRegistryError(401, 401, "no"),
        SchemaRegistryError(404, -1, "<html>"),
        SchemaRegistryError(404, 40401, "Subject not found"),
    ],
)
def test_payload__is_not_guessed_without_the_registry(error: Exception) -> None:
    """While no schema can be had, a good message must not pass for one that is no event."""
    with pytest.raises(RegistryUnavailable):
        read(to_messages(1)[0], FakeRegistry(error))


def test_payload__is_of_json() -> None:
    """A time, which a later schema may have, becomes text: Airflow stores an asset event as JSON."""
    schema = json.loads(SHIPPED_SCHEMA)
    schema["fields"].append({"name": "stream_time", "type": {"type": "long", "logicalType": "timestamp-millis"}})
    (message,) = to_messages(1)
    body = io.BytesIO()
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    schemaless_writer(body, schema, {**message.event, "stream_time": time})
    later = message._replace(value=message.value[:PREFIX_BYTES] + body.getvalue())
    payload = read(later, FakeRegistry(schema=json.dumps(schema)))
    assert payload["event"] == {**message.event, "stream_time": "2026-01-02 03:04:05+00:00"}


def run_in_airflow(airflow: Path, program: str, home: Path) -> dict[str, Any]:
    """What a program beside this file prints that the example's own Python runs, with this home of Airflow's."""
    paths = os.pathsep.join(str(airflow / each) for each in ("plugins", "dags"))
    done = subprocess.run(  # noqa: S603  # the example's own Python
        [airflow / ".venv" / "bin" / "python", Path(__file__).with_name(program)],
        env=to_tool_environment({"PYTHONPATH": paths, "AIRFLOW_HOME": str(home)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_trigger__waits_for_the_registry_and_filters_by_resource(airflow: Path, tmp_path: Path) -> None:
    """Airflow's own streams feed it: what it fires, and that a registry which comes back costs no message."""
    fired = run_in_airflow(airflow, "airflow_trigger.py", tmp_path)
    assert fired == {"all": ["a", "b", "no event"], "a": ["a", "no event"], "asked": 2}


def test_dag__fails_by_an_asset_event_made_by_hand_and_goes_on(airflow: Path, tmp_path: Path) -> None:
    """It has no payload: its run is told so and fails, the event behind it is handled, and the next run passes it."""
    found = run_in_airflow(airflow, "airflow_dag.py", tmp_path)
    assert found == {
        "printed": [{"event": {"event_id": "e"}}],
        "failed": "asset event 1 is not of the topic: somebody made it by hand",
        "next": [],
    }


@pytest.mark.usefixtures("airflow")
def test_airflow__prints_what_was_sent(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The DAG's runs get each event, field by field; those that are no events are named; then all are committed."""
    name, log = topic(partitions=1), tmp_path / "log"
    events = (*read_former_messages(), *to_messages(20))
    send(stack.kafka, name, (*to_no_events(), *events))
    settings = SentTopic(stack.kafka, registry, name, events).settings
    printed = run_example("airflow", settings, len(events), log, limit=LIMIT)
    assert by_key(printed) == by_key(each.printed for each in events)
    for offset, reason in enumerate(NO_EVENTS):
        assert f"{name}, partition 0, offset {offset}: {reason}" in log.read_text()
    assert SECRET.decode() not in log.read_text()
    assert read_committed(stack.kafka, name) == len(NO_EVENTS) + len(events)


def read_committed(kafka: str, topic: str) -> int:
    """The one offset that an example's consumer group has committed of this topic."""
    client = AdminClient({"bootstrap.servers": kafka})
    groups = [each.group_id for each in client.list_consumer_groups().result().valid]
    asked = [ConsumerGroupTopicPartitions(each) for each in groups if each.startswith("example-airflow")]
    (committed,) = [
        partition.offset
        for each in asked
        for partition in client.list_consumer_group_offsets([each])[each.group_id].result().topic_partitions
        if partition.topic == topic
    ]
    return int(committed)


def test_airflow__leaves_a_real_airflow_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of the caller's shell reach none of its programs, which would migrate that database."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_HOME", "/opt/airflow")
    environment = to_environment(tmp_path, "127.0.0.1:1")
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in environment
    assert environment["AIRFLOW_HOME"] == str(tmp_path)


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_airflow__names_a_missing_setting(missing: str) -> None:
    """In one line, before anything starts."""
    settings = {"KAFKA_BROKER_URL": "127.0.0.1:1", "SCHEMA_REGISTRY": "http://127.0.0.1:1", missing: ""}
    program = read_consumers()["airflow"].directory / "run.py"
    done = subprocess.run(  # noqa: S603  # the example's own program
        [sys.executable, program], env=to_tool_environment(settings), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{missing} must be set\n")
