"""A real topic with events of today's and of version 0.1.0's, and a registry that knows their schemas."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient

from feature_events.events.event import to_event
from feature_events.events.message import to_confluent_prefix, to_headers, to_message
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.records.change import Change, read_change
from local.servers.registry import Registry
from local.servers.stack import RunningStack
from tests.consumers.glue_messages import FOUND
from tests.support.consumers import SentMessage, SentTopic, send
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC
from tests.support.records import Json, to_item, to_record
from tests.support.web_server import ScriptedServer, run_scripted_server

HERE = Path(__file__).parent
TODAYS = 50
FIRST_ID = 1
"""The id that a new registry gives its first schema: the one that the events of version 0.1.0 were written under."""


def read_former_messages() -> list[SentMessage]:
    """Messages of version 0.1.0, as that version's own code made them of the sample events."""
    found = json.loads((HERE / "events-0.1.0.json").read_text())
    return [
        SentMessage(**{**each, "key": each["key"].encode(), "value": bytes.fromhex(each["value"])}) for each in found
    ]


def to_messages(number: int) -> list[SentMessage]:
    """Messages of today's pipeline: a few entities with several events each."""
    records = [
        to_record(place, entity=f"user-{place % 7}", item=to_item(("age", f"feature_{place}", "żółć 🦊")))
        for place in range(number)
    ]
    return [to_sent(record) for record in records]


def to_sent(record: Json) -> SentMessage:
    """The message that today's pipeline makes of a stream record."""
    change = read_change(record)
    assert isinstance(change, Change)
    entity = read_entity_features(change, to_layouts(), "all")
    assert isinstance(entity, EntityFeatures)
    event = to_event(entity, change)
    value = to_confluent_prefix(FIRST_ID) + CODEC.encode(event)
    message = to_message(event, change, value, to_headers(event, change))
    headers = {name: text.decode() for name, text in message.headers}
    fields = {**event._asdict(), "features": list(event.features)}
    return SentMessage(message.key, message.value, headers, message.timestamp_ms, fields)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry of its own, whose first schema is the shipped one."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        client = SchemaRegistryClient({"url": registry.url})
        schema = RegisteredSchema(SHIPPED_SCHEMA, "AVRO")
        assert client.register_schema("FEATURE_AVAILABILITY_EVENTS-value", schema) == FIRST_ID
        yield registry.url


@pytest.fixture(scope="session")
def sent(stack: RunningStack, topic: Callable[..., str], registry: str) -> SentTopic:
    """A topic of four partitions with the events of version 0.1.0, and behind them today's."""
    name = topic(partitions=4)
    messages = (*read_former_messages(), *to_messages(TODAYS))
    send(stack.kafka, name, messages)
    return SentTopic(stack.kafka, registry, name, messages)


@pytest.fixture
def glue() -> Iterator[ScriptedServer]:
    """A Glue that knows one schema version."""
    with run_scripted_server() as server:
        server.script = [FOUND]
        yield server


@pytest.fixture
def send_all(stack: RunningStack, topic: Callable[..., str]) -> Callable[..., SentTopic]:
    """Makes a topic with these messages."""

    def make(messages: list[SentMessage], partitions: int = 1) -> SentTopic:
        name = topic(partitions)
        send(stack.kafka, name, messages)
        return SentTopic(stack.kafka, "glue", name, tuple(messages))

    return make
