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
from tests.consumers.conftest import make_messages
from tests.support.consumers import SentMessage, SentTopic, by_key, prepare, run_example
from tests.support.doubles import FakeContext
from tests.support.example_modules import load
from tests.support.mapping_events import SAMPLE, format_sample, make_sample
from tests.support.web_server import Answer, run_scripted_server

LATER_SCHEMA = json.loads(SHIPPED_SCHEMA)
LATER_SCHEMA["fields"] = [
    {"name": "change", "type": ["null", "string"], "default": None},
    *LATER_SCHEMA["fields"],
    {"name": "table", "type": ["null", "string"], "default": None},
]

type Handle = Callable[..., dict[str, Any]]


def make_batch(*messages: SentMessage, partitions: tuple[int, ...] = ()) -> dict[str, Any]:
    """Make a batch of the event source mapping. A message's offset is its index, and its partition defaults to 0."""
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


def make_response(*failures: tuple[int, int]) -> dict[str, Any]:
    """Make the response that reports these partitions and offsets."""
    names = [{"partition": f"my-events-{partition}", "offset": offset} for partition, offset in failures]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in names]}


@pytest.fixture
def program(registry: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the handler's module as in a new execution environment."""
    monkeypatch.setenv("SCHEMA_REGISTRY", registry)
    program = load(monkeypatch, "lambda", "handler")
    program.seen.clear()
    program.read_schema.cache_clear()
    return program


@pytest.fixture
def handle(program: ModuleType) -> Handle:
    """Return a function that invokes the handler."""
    return lambda batch: program.handler(batch, FakeContext())


def read_printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines printed since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_lambda__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """This includes messages of version 0.1.0. Each entity's events are printed in order."""
    prepare("lambda")
    printed = run_example("lambda", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)


def test_sample__matches_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run `PYTHONPATH=src python -m tests.support.mapping_events` to update the sample."""
    assert SAMPLE.read_text() == format_sample(make_sample(load(monkeypatch, "lambda", "invoke").to_event))


def test_handler__processes_the_sample(handle: Handle, capsys: pytest.CaptureFixture[str]) -> None:
    """The sample contains the events of events/insert.json and events/account.json."""
    assert handle(json.loads(SAMPLE.read_text())) == make_response()
    printed = [(each["key"], each["event"]["features"]) for each in read_printed(capsys)]
    assert printed == [("user-123", ["age", "income", "city"]), ("account-456", ["balance_avg_30d"])]


def test_handler__processes_a_duplicate_once(handle: Handle, capsys: pytest.CaptureFixture[str]) -> None:
    """This holds within a batch, and between batches of the same execution environment."""
    first, second = make_messages(2)
    assert handle(make_batch(first, first, second)) == handle(make_batch(second)) == make_response()
    assert read_printed(capsys) == [first.printed, second.printed]


def test_handler__stops_a_partition_at_a_failure(
    program: ModuleType, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other partitions continue. The failed event is not treated as a duplicate when it is retried."""
    messages = make_messages(5)
    fails = {messages[1].event["event_id"]}
    done: list[str] = []

    def process(_: object, event: dict[str, Any]) -> None:
        if event["event_id"] in fails:
            raise OSError
        done.append(event["event_id"])

    monkeypatch.setattr(program, "process", process)
    batch = make_batch(*messages, partitions=(0, 0, 1, 0, 1))
    assert handle(batch) == make_response((0, 1), (0, 3))
    assert done == [messages[place].event["event_id"] for place in (0, 2, 4)]
    fails.clear()
    assert handle(batch) == make_response()
    assert done[3:] == [messages[place].event["event_id"] for place in (1, 3)]


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b'{"card": "4111"}', b"\x00\x00\x00\x27\x0fsecret", b"\x00\x00\x00\x00\x01\x48secret"]
)
def test_handler__reports_only_an_invalid_record(
    handle: Handle, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    """The mapping retries it and finally sends it to the on-failure destination. Later records are processed."""
    first, bad, last = make_messages(3)
    assert handle(make_batch(first, bad._replace(value=value), last)) == make_response((0, 1))
    assert read_printed(capsys) == [first.printed, last.printed]
    assert "my-events-0 offset 1 cannot be read" in caplog.text
    assert "secret" not in caplog.text
    assert "4111" not in caplog.text


def test_handler__fails_if_the_registry_is_unavailable(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is not reported as invalid."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "http://127.0.0.1:1")
    with pytest.raises(requests.ConnectionError):
        handle(make_batch(*make_messages(1)))


def test_handler__fails_if_the_response_is_not_from_a_registry(
    program: ModuleType, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page does not make the record invalid."""
    page = requests.Response()
    page.status_code, page._content = requests.codes.ok, b"<html>"  # noqa: SLF001  # set by its session
    monkeypatch.setattr(program.requests, "get", lambda *_, **__: page)
    with pytest.raises(requests.JSONDecodeError):
        handle(make_batch(*make_messages(1)))


@pytest.mark.parametrize("body", [b"<html>no such page</html>", b'{"error_code": 40401}', b"[]"])
def test_handler__fails_on_a_404_that_is_not_about_the_schema(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """A 404 of a proxy or a wrong URL does not mean that the schema id is unknown."""
    with run_scripted_server() as server:
        server.script = [Answer(404, body)]
        monkeypatch.setenv("SCHEMA_REGISTRY", server.url)
        with pytest.raises(requests.HTTPError):
            handle(make_batch(*make_messages(1)))


def test_handler__accepts_json_from_the_mapping(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With SchemaReader=mapping, the function has no registry, and the value is JSON."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "")
    (message,) = make_messages(1)
    assert handle(make_batch(message._replace(value=json.dumps(message.event).encode()))) == make_response()
    assert read_printed(capsys) == [message.printed]


@pytest.mark.parametrize("missing", ["event_id", "event_type"])
def test_handler__reports_json_that_is_not_an_event(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    """An object without a type is not an event of an unknown type."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "")
    (message,) = make_messages(1)
    fields = {name: value for name, value in message.event.items() if name != missing}
    assert handle(make_batch(message._replace(value=json.dumps(fields).encode()))) == make_response((0, 0))
    assert "my-events-0 offset 0 cannot be read: no event_id or event_type" in caplog.text


@pytest.fixture(scope="session")
def later_event(registry: str) -> SentMessage:
    """Make an event of a later schema, with a field before the first nine and one after them."""
    client = SchemaRegistryClient({"url": registry})
    schema_id = client.register_schema("later-value", RegisteredSchema(json.dumps(LATER_SCHEMA), "AVRO"))
    (message,) = make_messages(1)
    event = {"change": "INSERT", **message.event, "table": "user_feature_store"}
    value = io.BytesIO()
    fastavro.schemaless_writer(value, LATER_SCHEMA, event)
    return message._replace(value=to_confluent_prefix(schema_id) + value.getvalue(), event=event)


def test_handler__reads_an_event_of_a_later_schema(
    handle: Handle, capsys: pytest.CaptureFixture[str], later_event: SentMessage
) -> None:
    """All of its fields are read. The same batch contains an event of the current schema."""
    _, current = make_messages(2)
    assert handle(make_batch(later_event, current)) == make_response()
    assert read_printed(capsys) == [later_event.printed, current.printed]


def test_powertools__cannot_read_a_later_schema(later_event: SentMessage) -> None:
    """The handler therefore requests each schema. If this fails, Powertools resolves schemas: simplify the handler."""
    config = SchemaConfig("AVRO", SHIPPED_SCHEMA, value_schema_wire_format="CONFLUENT")
    record = ConsumerRecords(make_batch(later_event), config).record
    with pytest.raises(KafkaConsumerDeserializationError):
        assert record.value == {name: later_event.event[name] for name in make_messages(1)[0].event}
