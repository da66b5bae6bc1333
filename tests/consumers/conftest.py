"""A topic with events of the current version and of version 0.1.0, and a registry with their schema."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from fastavro import schemaless_writer

from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from local.servers.stack import RunningStack
from tests.consumers.glue_messages import FOUND
from tests.support.consumers import SentMessage, SentTopic, send
from tests.support.pipelines import encode
from tests.support.records import Json, to_item, to_record
from tests.support.web_server import ScriptedServer, run_scripted_server

HERE = Path(__file__).parent
CURRENT = 50
"""The number of events of the current version."""
FIRST_ID = 1
"""The id of the first schema in a new registry, and the schema id in the events of version 0.1.0."""


def read_former_messages() -> list[SentMessage]:
    """Return the messages that version 0.1.0 produced from the sample events."""
    found = json.loads((HERE / "events-0.1.0.json").read_text())
    return [
        SentMessage(**{**each, "key": each["key"].encode(), "value": bytes.fromhex(each["value"])}) for each in found
    ]


def make_messages(number: int) -> list[SentMessage]:
    """Make messages of the current pipeline, with several events for each of a few entities."""
    records = [
        to_record(place, entity=f"user-{place % 7}", item=to_item(("age", f"feature_{place}", "żółć 🦊")))
        for place in range(number)
    ]
    return [make_message(record) for record in records]


def make_message(record: Json) -> SentMessage:
    """Convert a stream record to a message, as the current pipeline does."""
    _, _, event, message = encode(record, prefix=to_confluent_prefix(FIRST_ID))
    headers = {name: text.decode() for name, text in message.headers}
    fields = {**event._asdict(), "features": list(event.features)}
    return SentMessage(message.key, message.value, headers, message.timestamp_ms, fields)


def replace_fields(message: SentMessage, **fields: object) -> SentMessage:
    """Make a message whose event has other values in these fields, such as another type."""
    event = {**message.event, **fields}
    value = io.BytesIO()
    schemaless_writer(value, json.loads(SHIPPED_SCHEMA), event)
    headers = {**message.headers, "ce_type": f"com.featurestore.events.{event['event_type']}"}
    return message._replace(value=to_confluent_prefix(FIRST_ID) + value.getvalue(), headers=headers, event=event)


def make_removal(message: SentMessage, *features: str) -> SentMessage:
    """Make the message of a removed item. Only layouts that write the names of features list them."""
    return replace_fields(message, event_type="feature_unavailable", compute_id="", features=[*features])


def make_unknown(message: SentMessage) -> SentMessage:
    """Make a message of an event type that a later version might add."""
    return replace_fields(message, event_type="feature_renamed")


@pytest.fixture(scope="session")
def registry(stack: RunningStack) -> str:
    """Return the URL of the local stack's registry. The shipped schema is its first one."""
    schema = RegisteredSchema(SHIPPED_SCHEMA, "AVRO")
    client = SchemaRegistryClient({"url": stack.registry})
    assert client.register_schema("FEATURE_AVAILABILITY_EVENTS-value", schema) == FIRST_ID
    return stack.registry


@pytest.fixture(scope="session")
def sent(stack: RunningStack, topic: Callable[..., str], registry: str) -> SentTopic:
    """Create a topic with four partitions, with the events of version 0.1.0 followed by current ones."""
    name = topic(partitions=4)
    messages = (*read_former_messages(), *make_messages(CURRENT))
    send(stack.kafka, name, messages)
    return SentTopic(stack.kafka, registry, name, messages)


@pytest.fixture
def glue() -> Iterator[ScriptedServer]:
    """Start a Glue with one schema version."""
    with run_scripted_server() as server:
        server.script = [FOUND]
        yield server


@pytest.fixture
def send_all(stack: RunningStack, topic: Callable[..., str]) -> Callable[..., SentTopic]:
    """Return a function that creates a topic with these messages."""

    def make(messages: list[SentMessage], partitions: int = 1) -> SentTopic:
        name = topic(partitions)
        send(stack.kafka, name, messages)
        return SentTopic(stack.kafka, "glue", name, tuple(messages))

    return make
