"""The Lambda example: its handler and its sample event."""

import io
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import fastavro
import pytest
import requests
from aws_lambda_powertools.utilities.kafka import ConsumerRecords, SchemaConfig
from aws_lambda_powertools.utilities.kafka.exceptions import KafkaConsumerDeserializationError
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient

from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.consumers.conftest import to_messages
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example
from tests.support.doubles import FakeContext
from tests.support.example_modules import load
from tests.support.mapping_events import SAMPLE, to_sample, to_text
from tests.support.web_server import Answer, run_scripted_server

LATER_SCHEMA = json.loads(SHIPPED_SCHEMA)
LATER_SCHEMA["fields"] = [
    {"name": "change", "type": ["null", "string"], "default": None},
    *LATER_SCHEMA["fields"],
    {"name": "table", "type": ["null", "string"], "default": None},
]

type Handle = Callable[..., dict[str, Any]]


def to_batch(*messages: SentMessage, partitions: tuple[int, ...] = ()) -> dict[str, Any]:
    """A batch of the mapping's; each message in its partition, 0 unless told, at the offset of its place."""
    records: dict[str, list[dict[str, Any]]] = {}
    for offset, each in enumerate(messages):
        partition = partitions[offset] if partitions else 0
        record = {
            "topic": "my-events",
            "partition": partition,
            "offset": offset,
            "timestamp": each.timestamp_ms,
            "timestampType": "CREATE_TIME",
            "key": b64encode(each.key).decode(),
            "value": b64encode(each.value).decode(),
            "headers": [{name: list(text.encode())} for name, text in each.headers.items()],
        }
        records.setdefault(f"my-events-{partition}", []).append(record)
    return {"eventSource": "aws:kafka", "records": records}


def to_answer(*failures: tuple[int, int]) -> dict[str, Any]:
    """The answer that names these partitions and offsets."""
    names = [{"partition": f"my-events-{partition}", "offset": offset} for partition, offset in failures]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in names]}


@pytest.fixture
def program(registry: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The handler's module as a new execution environment has it."""
    monkeypatch.setenv("SCHEMA_REGISTRY", registry)
    program = load(monkeypatch, "lambda", "handler")
    program.seen.clear()
    program.read_schema.cache_clear()
    return program


@pytest.fixture
def handle(program: ModuleType) -> Handle:
    """The handler, invoked."""
    return lambda batch: program.handler(batch, FakeContext())


def read_printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was printed since the last time."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_lambda__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """Each message of today and of version 0.1.0, field by field, and each entity's in order."""
    prepare("lambda")
    printed = run_example("lambda", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)


def test_sample__is_what_the_pipeline_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample has our own bytes, in the form of the mapping; tests.support.mapping_events writes it again."""
    assert SAMPLE.read_text() == to_text(to_sample(load(monkeypatch, "lambda", "invoke").to_event))


def test_handler__handles_the_sample(handle: Handle, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed events are those of events/insert.json and events/account.json."""
    assert handle(json.loads(SAMPLE.read_text())) == to_answer()
    printed = [(each["key"], each["event"]["features"]) for each in read_printed(capsys)]
    assert printed == [("user-123", ["age", "income", "city"]), ("account-456", ["balance_avg_30d"])]


def test_handler__processes_a_duplicate_once(handle: Handle, capsys: pytest.CaptureFixture[str]) -> None:
    """Within a batch and from one to the next, as far as one execution environment remembers."""
    first, second = to_messages(2)
    assert handle(to_batch(first, first, second)) == handle(to_batch(second)) == to_answer()
    assert read_printed(capsys) == [first.printed, second.printed]


def test_handler__names_what_waits_behind_a_failure(
    program: ModuleType, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No later event of the partition is processed; another partition goes on; what failed is no duplicate later."""
    messages = to_messages(5)
    fails = {messages[1].event["event_id"]}
    done: list[str] = []

    def process(_: object, event: dict[str, Any]) -> None:
        if event["event_id"] in fails:
            raise OSError
        done.append(event["event_id"])

    monkeypatch.setattr(program, "process", process)
    batch = to_batch(*messages, partitions=(0, 0, 1, 0, 1))
    assert handle(batch) == to_answer((0, 1), (0, 3))
    assert done == [messages[place].event["event_id"] for place in (0, 2, 4)]
    fails.clear()
    assert handle(batch) == to_answer()
    assert done[3:] == [messages[place].event["event_id"] for place in (1, 3)]


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b'{"card": "4111"}', b"\x00\x00\x00\x27\x0fsecret", b"\x00\x00\x00\x00\x01\x48secret"]
)
def test_handler__names_only_what_it_cannot_read(
    handle: Handle, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    """It is retried and at last sent to the on-failure destination; what is behind it does not wait."""
    first, bad, last = to_messages(3)
    assert handle(to_batch(first, bad._replace(value=value), last)) == to_answer((0, 1))
    assert read_printed(capsys) == [first.printed, last.printed]
    assert "my-events-0 offset 1 cannot be read" in caplog.text
    assert "secret" not in caplog.text
    assert "4111" not in caplog.text


def test_handler__fails_where_the_registry_is_unavailable(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was read, so nothing counts as unreadable."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "http://127.0.0.1:1")
    with pytest.raises(requests.ConnectionError):
        handle(to_batch(*to_messages(1)))


def test_handler__fails_where_something_else_answers_for_the_registry(
    program: ModuleType, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page is no reason to give a record away."""
    page = requests.Response()
    page.status_code, page._content = requests.codes.ok, b"<html>"  # noqa: SLF001  # as its own session sets it
    monkeypatch.setattr(program.requests, "get", lambda *_, **__: page)
    with pytest.raises(requests.JSONDecodeError):
        handle(to_batch(*to_messages(1)))


@pytest.mark.parametrize("body", [b"<html>no such page</html>", b'{"error_code": 40401}', b"[]"])
def test_handler__fails_where_another_404_is_answered(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """That of a proxy or of a wrong URL says nothing of the schema's id."""
    with run_scripted_server() as server:
        server.script = [Answer(404, body)]
        monkeypatch.setenv("SCHEMA_REGISTRY", server.url)
        with pytest.raises(requests.HTTPError):
            handle(to_batch(*to_messages(1)))


def test_handler__takes_json_where_the_mapping_reads(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With SchemaReader=mapping the function has no registry, and the value is JSON."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "")
    (message,) = to_messages(1)
    assert handle(to_batch(message._replace(value=json.dumps(message.event).encode()))) == to_answer()
    assert read_printed(capsys) == [message.printed]


@pytest.fixture(scope="session")
def later_event(registry: str) -> SentMessage:
    """An event of a later schema, which has a field before the first nine and one behind them."""
    client = SchemaRegistryClient({"url": registry})
    schema_id = client.register_schema("later-value", RegisteredSchema(json.dumps(LATER_SCHEMA), "AVRO"))
    (message,) = to_messages(1)
    event = {"change": "INSERT", **message.event, "table": "user_feature_store"}
    value = io.BytesIO()
    fastavro.schemaless_writer(value, LATER_SCHEMA, event)
    return message._replace(value=to_confluent_prefix(schema_id) + value.getvalue(), event=event)


def test_handler__reads_an_event_of_a_later_schema(
    handle: Handle, capsys: pytest.CaptureFixture[str], later_event: SentMessage
) -> None:
    """By the schema that it was written with, all its fields included, beside one of today's."""
    _, todays = to_messages(2)
    assert handle(to_batch(later_event, todays)) == to_answer()
    assert read_printed(capsys) == [later_event.printed, todays.printed]


def test_powertools__does_not_read_a_later_schema_by_the_first(later_event: SentMessage) -> None:
    """Why the handler asks the registry; once this fails, Powertools resolves schemas, and it can be shorter."""
    config = SchemaConfig("AVRO", SHIPPED_SCHEMA, value_schema_wire_format="CONFLUENT")
    record = ConsumerRecords(to_batch(later_event), config).record
    with pytest.raises(KafkaConsumerDeserializationError):
        assert record.value == {name: later_event.event[name] for name in to_messages(1)[0].event}
