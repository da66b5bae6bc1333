"""The Airflow example: its trigger, its DAG, and a real Airflow on a real topic.

Airflow is large. `make test ALL=1` runs the tests that need it if `make consume EXAMPLE=airflow` has installed it, or
if FEATURE_EVENTS_REQUIRE_TOOLCHAINS is set.
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

from examples.consumers.airflow.plugins.feature_event_payload import (
    PREFIX_BYTES,
    RegistryUnavailable,
    is_selected,
    to_payload,
)
from examples.consumers.airflow.run import make_environment
from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import read_consumers
from local.environment import make_tool_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import FIRST_ID, make_messages, make_removal, make_unknown, read_former_messages
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example, send

LIMIT = 400.0
"""The timeout in seconds. Airflow starts five programs, and each of them imports for seconds."""
UNKNOWN_ID = 999
SECRET = b"a payload that must not be logged"
INVALID: dict[str, bytes | None] = {
    "no value": None,
    "the value is not in Confluent's wire format": SECRET,
    "unknown schema id 999": b"\0" + UNKNOWN_ID.to_bytes(4) + SECRET,
    "the Avro does not match schema id 1 (EOFError)": b"\0" + FIRST_ID.to_bytes(4) + b"\2",
}
"""Values that are not events, by the reason that is reported."""


class FakeMessage(NamedTuple):
    """A consumed message."""

    sent: SentMessage

    def key(self) -> bytes:
        """Return the key."""
        return self.sent.key

    def value(self) -> bytes | None:
        """Return the value."""
        return self.sent.value

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the headers in their order."""
        return [(name, text.encode()) for name, text in self.sent.headers.items()]

    def topic(self) -> str:
        """Return the topic."""
        return "T"

    def partition(self) -> int:
        """Return the partition."""
        return 3

    def offset(self) -> int:
        """Return the offset."""
        return 8

    def timestamp(self) -> tuple[int, int]:
        """Return the type and the value of the timestamp."""
        return 1, self.sent.timestamp_ms


class FakeRegistry(NamedTuple):
    """A registry with one schema, or one that fails."""

    error: Exception | None = None
    schema: str = SHIPPED_SCHEMA

    def get_schema(self, schema_id: int) -> SimpleNamespace:
        """Return the registered schema."""
        if self.error is not None:
            raise self.error
        if schema_id != FIRST_ID:
            raise SchemaRegistryError(404, 40403, "Schema not found")
        return SimpleNamespace(schema_str=self.schema)


def read(message: SentMessage, registry: FakeRegistry | None = None) -> dict[str, Any]:
    """Return the payload of the asset event."""
    return to_payload(FakeMessage(message), registry or FakeRegistry())  # type: ignore[arg-type]


def make_invalid_messages() -> list[SentMessage]:
    """Make messages that are not events."""
    return [SentMessage(b"user-1", value, {}, 0, {}) for value in INVALID.values()]  # type: ignore[arg-type]  # a message without a value


@pytest.fixture(scope="session")
def airflow() -> Path:
    """Install the example, and return its directory."""
    folder = read_consumers()["airflow"].directory
    if not (folder / ".venv").exists() and not os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"):
        pytest.skip("Airflow is not installed; run `make consume EXAMPLE=airflow` to install it")
    prepare("airflow")
    return folder


@pytest.mark.parametrize(
    "message", [*read_former_messages(), *make_messages(7)], ids=lambda each: each.event["event_id"]
)
def test_to_payload__contains_key_headers_position_and_event(message: SentMessage) -> None:
    """This holds for messages of the current version and of version 0.1.0."""
    assert read(message) == {**message.printed, "timestamp_ms": message.timestamp_ms, "offset": 8}


@pytest.mark.parametrize(("reason", "value"), INVALID.items(), ids=INVALID)
def test_to_payload__reports_a_message_that_is_not_an_event(reason: str, value: bytes | None) -> None:
    """The report contains topic, partition and offset, but no payload."""
    (message,) = [each for each in make_invalid_messages() if each.value == value]
    place = {"timestamp_ms": 0, "offset": 8}
    reported = f"T, partition 3, offset 8: {reason}"
    assert read(message) == {"key": "user-1", "headers": {}, **place, "unreadable": reported}
    assert is_selected(read(message), ("feature_available",), ("another resource",))


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
def test_to_payload__fails_if_the_registry_is_unavailable(error: Exception) -> None:
    """A valid message is then not reported as unreadable."""
    with pytest.raises(RegistryUnavailable):
        read(make_messages(1)[0], FakeRegistry(error))


def test_to_payload__converts_times_to_text() -> None:
    """Airflow stores asset events as JSON, and a later schema may contain times."""
    schema = json.loads(SHIPPED_SCHEMA)
    schema["fields"].append({"name": "stream_time", "type": {"type": "long", "logicalType": "timestamp-millis"}})
    (message,) = make_messages(1)
    body = io.BytesIO()
    time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    schemaless_writer(body, schema, {**message.event, "stream_time": time})
    later = message._replace(value=message.value[:PREFIX_BYTES] + body.getvalue())
    payload = read(later, FakeRegistry(schema=json.dumps(schema)))
    assert payload["event"] == {**message.event, "stream_time": "2026-01-02 03:04:05+00:00"}


@pytest.mark.parametrize(
    ("event_types", "resources", "selected"),
    [
        (["feature_available"], [], ["feature_available"]),
        (["feature_available", "feature_unavailable"], [], ["feature_available", "feature_unavailable"]),
        (["feature_available"], ["user_features", "other"], ["feature_available"]),
        (["feature_available"], ["other"], []),
    ],
)
def test_is_selected__needs_a_known_type_and_resource(
    event_types: list[str], resources: list[str], selected: list[str]
) -> None:
    """By default, a removal creates no asset event. An event of an unknown type never does."""
    (message,) = make_messages(1)
    payloads = [read(each) for each in (message, make_removal(message), make_unknown(message))]
    found = [each["event"]["event_type"] for each in payloads if is_selected(each, event_types, resources)]
    assert found == selected


def run_in_airflow(airflow: Path, program: str, home: Path) -> dict[str, Any]:
    """Run a program of this directory with the example's Python and this Airflow home, and return its output."""
    paths = os.pathsep.join(str(airflow / each) for each in ("plugins", "dags"))
    done = subprocess.run(  # noqa: S603  # the example's Python
        [airflow / ".venv" / "bin" / "python", Path(__file__).with_name(program)],
        env=make_tool_environment({"PYTHONPATH": paths, "AIRFLOW_HOME": str(home)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.toolchain
def test_trigger__retries_the_registry_and_filters_events(airflow: Path, tmp_path: Path) -> None:
    """A temporary outage of the registry loses no message. Removals fire only if they are requested."""
    fired = run_in_airflow(airflow, "airflow_trigger.py", tmp_path)
    assert fired == {
        "all": ["a", "b", "not an event"],
        "a": ["a", "not an event"],
        "with removals": ["a", "b", "c", "not an event"],
        "attempts": 2,
    }


@pytest.mark.toolchain
def test_dag__fails_on_a_manual_asset_event_and_continues(airflow: Path, tmp_path: Path) -> None:
    """The run handles the later event, and then fails. The next run skips both."""
    found = run_in_airflow(airflow, "airflow_dag.py", tmp_path)
    assert found == {
        "printed": [{"event": {"event_id": "e"}}],
        "failed": "asset event 1 is not from the topic; it was created manually",
        "next": [],
    }


@pytest.mark.toolchain
@pytest.mark.usefixtures("airflow")
def test_airflow__prints_what_was_sent(
    stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The DAG receives each event, invalid messages are reported, and all offsets are committed."""
    name, log = topic(partitions=1), tmp_path / "log"
    events = (*read_former_messages(), *make_messages(20))
    send(stack.kafka, name, (*make_invalid_messages(), *events))
    settings = SentTopic(stack.kafka, registry, name, events).settings
    printed = run_example("airflow", settings, len(events), log, limit=LIMIT)
    places = [(each.pop("timestamp_ms"), each.pop("offset")) for each in printed]
    assert by_key(printed) == by_key(each.printed for each in events)
    assert sorted(places) == sorted((each.timestamp_ms, len(INVALID) + n) for n, each in enumerate(events))
    for offset, reason in enumerate(INVALID):
        assert f"{name}, partition 0, offset {offset}: {reason}" in log.read_text()
    assert SECRET.decode() not in log.read_text()
    assert read_committed(stack.kafka, name) == len(INVALID) + len(events)


def read_committed(kafka: str, topic: str) -> int:
    """Return the offset that the example's consumer group has committed for this topic."""
    client = AdminClient({"bootstrap.servers": kafka})
    groups = [each.group_id for each in client.list_consumer_groups().result().valid]
    requests = [ConsumerGroupTopicPartitions(each) for each in groups if each.startswith("example-airflow")]
    (committed,) = [
        partition.offset
        for each in requests
        for partition in client.list_consumer_group_offsets([each])[each.group_id].result().topic_partitions
        if partition.topic == topic
    ]
    return int(committed)


def test_make_environment__removes_settings_of_another_airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The example would otherwise migrate the database that the caller's shell points to."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    monkeypatch.setenv("AIRFLOW_HOME", "/opt/airflow")
    environment = make_environment(tmp_path, "127.0.0.1:1")
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in environment
    assert environment["AIRFLOW_HOME"] == str(tmp_path)


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_airflow__names_a_missing_setting(missing: str) -> None:
    """The error is one line, printed before anything starts."""
    settings = {"KAFKA_BROKER_URL": "127.0.0.1:1", "SCHEMA_REGISTRY": "http://127.0.0.1:1", missing: ""}
    program = read_consumers()["airflow"].directory / "run.py"
    done = subprocess.run(  # noqa: S603  # the example's program
        [sys.executable, program], env=make_tool_environment(settings), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{missing} must be set\n")
