"""Every example processes removals where they are useful, and ignores event types that it does not know."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from feature_events.events.message import to_confluent_prefix
from local.application.consumers import make_consumer_settings
from local.environment import make_aws_environment
from local.paths import ROOT
from local.servers.stack import RunningStack
from tests.consumers.conftest import make_message, make_messages, make_removal, make_unknown, replace_fields
from tests.consumers.glue_messages import make_settings, to_glue
from tests.support.consumer_failures import read_committed
from tests.support.consumers import SentMessage, SentTopic, prepare, run_example, send
from tests.support.records import to_item, to_record
from tests.support.web_server import ScriptedServer

GENERAL = ["python", "lambda", *(pytest.param(name, marks=pytest.mark.toolchain) for name in ("go", "java", "node"))]
LONG_AGO_MS = 1_700_000_000_000
MINUTE_MS = 60_000


def make_mixed() -> list[SentMessage]:
    """Make an event of each type, followed by a known one."""
    first, removed, unknown, last = make_messages(4)
    return [first, make_removal(removed), make_unknown(unknown), last]


def printed_of(messages: list[SentMessage]) -> list[object]:
    """Return the lines for the messages of known types."""
    return [each.printed for each in messages if each.event["event_type"] != "feature_renamed"]


@pytest.mark.parametrize("program", GENERAL)
def test_program__prints_removals_and_ignores_unknown_types(
    *, program: str, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """The offset of an ignored event is committed, so it does not block its partition."""
    prepare(program)
    name, messages = topic(), make_mixed()
    send(stack.kafka, name, messages)
    settings = make_consumer_settings(stack.kafka, registry, name)
    assert run_example(program, settings, 3, tmp_path / "log") == printed_of(messages)
    assert read_committed(stack.kafka, f"example-{program}", name) == len(messages)


@pytest.mark.parametrize("program", ["python", pytest.param("java-glue", marks=pytest.mark.toolchain)])
def test_program__does_the_same_with_glue(
    *, program: str, send_all: Callable[..., SentTopic], glue: ScriptedServer, tmp_path: Path
) -> None:
    """The event type does not depend on the wire format."""
    prepare(program)
    messages = make_mixed()
    sent = send_all([to_glue(each) for each in messages])
    assert run_example(program, make_settings(sent, glue), 3, tmp_path / "log") == printed_of(messages)
    assert read_committed(sent.kafka, f"example-{program}", sent.name) == len(messages)


@pytest.mark.parametrize("file", ["remove.json", "v2/remove.json"])
def test_reader_with_the_first_schema__reads_removals(file: str) -> None:
    """A consumer of version 0.1.0 receives the nine fields of its schema, whatever schema wrote the event."""
    example = json.loads((ROOT / "schemas" / "examples" / file).read_text())
    registry = SchemaRegistryClient.new_client({"url": "mock://registry"})
    written_by = (ROOT / "schemas" / example.get("schema", "feature_trigger.avsc")).read_text()
    schema_id = registry.register_schema("events-value", RegisteredSchema(written_by, "AVRO"))
    value = to_confluent_prefix(schema_id) + bytes.fromhex(example["bytes"])[5:]
    first = (ROOT / "schemas" / "feature_trigger.avsc").read_text()
    event = AvroDeserializer(registry, first)(value, SerializationContext("events", MessageField.VALUE))
    assert event == {field["name"]: example["event"][field["name"]] for field in json.loads(first)["fields"]}
    assert (event["event_type"], event["features"]) == ("feature_unavailable", [])


def make_event(number: int, compute_id: str, *features: str) -> SentMessage:
    """Make an event of this job about one entity. Each event is a minute later than the previous one."""
    message = make_message(to_record(number, item=to_item(features, compute_id=compute_id)))
    return message._replace(timestamp_ms=LONG_AGO_MS + number * MINUTE_MS)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("await-features", [("complete", ["A", "B"])]),
        ("start-job", [("started", "c-1"), ("started", "c-2")]),
        ("job-complete", [("complete", "c-1"), ("complete", "c-2")]),
    ],
)
def test_recipe__acts_only_on_available_features(  # noqa: PLR0913  # fixtures and parameters
    *,
    program: str,
    expected: list[object],
    stack: RunningStack,
    topic: Callable[..., str],
    registry: str,
    tmp_path: Path,
) -> None:
    """A removal and an event of an unknown type start nothing, even if they name a job and features."""
    name = topic()
    messages = [
        make_event(1, "c-1", "A"),
        make_unknown(make_event(2, "c-unknown", "B")),
        replace_fields(make_event(3, "c-removed", "B"), event_type="feature_unavailable"),
        make_event(4, "c-2", "B"),
        make_event(60, "", "C"),
    ]
    send(stack.kafka, name, messages)
    settings = make_consumer_settings(stack.kafka, registry, name) | make_aws_environment(stack.aws)
    settings |= {"FEATURES": "A,B", "JOBS_TABLE": name, "QUIET_MINUTES": "10"}
    found = []
    for each in run_example(program, settings, len(expected), tmp_path / "log"):
        outcome = next(iter(each))
        found.append((outcome, each[outcome]["features"] if program == "await-features" else each["compute_id"]))
    assert found == expected
