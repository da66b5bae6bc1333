"""The examples in Java, Node and Go."""

import io
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from fastavro import schemaless_writer

from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import CONSUMERS, make_consumer_settings, read_consumers
from local.servers.stack import RunningStack
from tests.consumers.conftest import FIRST_ID, make_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import LIMIT, SentTopic, by_key, prepare, run_example, send, start
from tests.support.web_server import Answer, run_scripted_server

UNKNOWN_ID = 424242
SECRET = b"Personal-7731"
"""A part of a value that errors must not contain."""
LATER_FIELDS: dict[str, tuple[object, object, object]] = {
    "change": (["null", "string"], None, "MODIFY"),
    "changed_features": (["null", {"type": "array", "items": "string"}], None, ["age"]),
    "backfill": ("boolean", False, True),
    "version": ("long", 0, 2**40),
    "stream_time": (
        ["null", {"type": "long", "logicalType": "timestamp-millis"}],
        None,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    ),
}
"""Fields of a later schema: the type, and the values in two events."""
FAIL_TWICE = """
let failures = 2;
const print = console.log;
console.log = (line) => {
  if (failures-- > 0) throw new Error("connect ECONNREFUSED 192.0.2.1:5432");
  print(line);
};
"""
"""Makes the work of the Node example, which prints, fail like a database client."""
NEED_TOOLCHAINS = ("go", "java", "node")
PRINTED_TIME = {
    "go": 1767323045000,
    "java": 1767323045000,
    "lambda": "2026-01-02 03:04:05+00:00",
    "node": 1767323045000,
    "python": "2026-01-02 03:04:05+00:00",
}
"""How each example prints the second event's stream_time."""


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.toolchain) for name in NEED_TOOLCHAINS])
def example(request: pytest.FixtureRequest) -> str:
    """Build the example."""
    prepare(request.param)
    return str(request.param)


def test_example__prints_what_was_sent(example: str, sent: SentTopic, tmp_path: Path) -> None:
    """This includes messages of version 0.1.0. Each entity's events are in order, and all offsets are committed."""
    printed = run_example(example, sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)
    committed = [read_committed(sent.kafka, f"example-{example}", sent.name, each) for each in range(4)]
    assert sum(max(each, 0) for each in committed) == len(sent.messages), "the next run would repeat events"


@pytest.mark.parametrize(
    "example",
    [pytest.param(name, marks=[pytest.mark.toolchain] if name in NEED_TOOLCHAINS else []) for name in PRINTED_TIME],
    indirect=True,
)
def test_example__prints_the_fields_of_a_later_schema(
    *, example: str, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """Unknown fields are printed, with and without null values."""
    name = topic()
    schema = json.loads(SHIPPED_SCHEMA)
    schema["fields"] += [{"name": field, "type": kind} for field, (kind, _, _) in LATER_FIELDS.items()]
    registered = RegisteredSchema(json.dumps(schema), "AVRO")
    schema_id = SchemaRegistryClient({"url": registry}).register_schema(f"{name}-value", registered)
    messages = []
    for message, place in zip(make_messages(2), (1, 2), strict=True):
        event = {**message.event, **{field: known[place] for field, known in LATER_FIELDS.items()}}
        body = io.BytesIO()
        schemaless_writer(body, schema, event)
        messages.append(message._replace(value=to_confluent_prefix(schema_id) + body.getvalue(), event=event))
    sent = SentTopic(stack.kafka, registry, name, tuple(messages))
    send(stack.kafka, name, messages)
    first, second = (each.printed for each in messages)
    second["event"]["stream_time"] = PRINTED_TIME[example]
    assert run_example(example, sent.settings, len(messages), tmp_path / "log") == [first, second]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(SECRET, "", id="not in the wire format"),
        pytest.param(to_confluent_prefix(UNKNOWN_ID) + SECRET, str(UNKNOWN_ID), id="unknown schema"),
        pytest.param(to_confluent_prefix(FIRST_ID) + b"\x1a" + SECRET + b"\x7f", "", id="truncated"),
        pytest.param(None, "", id="no value"),
    ],
)
def test_example__exits_at_an_invalid_message(  # noqa: PLR0913  # fixtures and parameters
    *,
    value: bytes | None,
    reason: str,
    example: str,
    stack: RunningStack,
    topic: Callable[..., str],
    registry: str,
    tmp_path: Path,
) -> None:
    """The error names topic, partition and offset without the payload. Nothing from this offset on is committed."""
    name = topic()
    first, second, third = make_messages(3)
    bad = third._replace(value=value)  # type: ignore[arg-type]  # a message without a value
    send(stack.kafka, name, [first, second, bad, third])
    ended = run_to_end(example, make_consumer_settings(stack.kafka, registry, name), tmp_path / "log")
    assert ended.status == 1
    assert ended.printed == [first.printed, second.printed]
    assert f"{name} [0] offset 2 cannot be read: " in ended.log
    assert reason in ended.log
    assert SECRET.decode() not in ended.log
    assert read_committed(stack.kafka, f"example-{example}", name) <= 2


@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_example__reports_a_missing_setting(missing: str, example: str, tmp_path: Path) -> None:
    """The error is one line."""
    settings = {**make_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), missing: ""}
    ended = run_to_end(example, settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    [line] = ended.log.splitlines()
    assert line.endswith(f"{missing} must be set")


def test_example__requests_a_schema_once(
    *, example: str, stack: RunningStack, topic: Callable[..., str], tmp_path: Path
) -> None:
    """The request uses the documented path, even if the registry's URL ends with a slash."""
    name = topic()
    messages = make_messages(2)
    send(stack.kafka, name, messages)
    with run_scripted_server() as server:
        server.script = [Answer.of(200, {"schema": SHIPPED_SCHEMA})]
        settings = make_consumer_settings(stack.kafka, f"{server.url}/apis/ccompat/v7/", name)
        printed = run_example(example, settings, len(messages), tmp_path / "log")
    assert printed == [each.printed for each in messages]
    assert [each.path for each in server.requests] == [f"/apis/ccompat/v7/schemas/ids/{FIRST_ID}"]


def test_prepare__does_not_rebuild_the_example(example: str) -> None:
    """The same example can be started in a second terminal."""

    def read_files() -> dict[Path, int]:
        return {path: path.stat().st_ino for path in (CONSUMERS / example).rglob("*") if path.is_file()}

    before = read_files()
    prepare(example)
    assert read_files() == before


def test_node__has_a_current_lock() -> None:
    """If the lock does not match package.json, npm silently installs other versions."""
    declared = json.loads((CONSUMERS / "node" / "package.json").read_text())["dependencies"]
    locked = json.loads((CONSUMERS / "node" / "package-lock.json").read_text())["packages"]
    assert locked[""]["dependencies"] == declared
    assert {name: locked[f"node_modules/{name}"]["version"] for name in declared} == declared


@pytest.mark.toolchain
def test_node__retries_failed_work(
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """An error of the work is not reported as an invalid message, and no event is lost."""
    prepare("node")
    name = topic()
    messages = make_messages(2)
    send(stack.kafka, name, messages)
    preloaded = tmp_path / "fail.mjs"
    preloaded.write_text(FAIL_TWICE)
    settings = {**make_consumer_settings(stack.kafka, registry, name), "NODE_OPTIONS": f"--import={preloaded}"}
    assert run_example("node", settings, len(messages), tmp_path / "log") == [each.printed for each in messages]
    log = (tmp_path / "log").read_text()
    assert "ECONNREFUSED" in log
    assert "cannot be read" not in log


@pytest.mark.toolchain
def test_go__commits_within_a_fetch(
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path
) -> None:
    """If the work blocks within a fetch of 1,000 messages, the earlier messages are committed."""
    prepare("go")
    name = topic()
    messages = make_messages(1000)
    send(stack.kafka, name, messages)
    example = read_consumers()["go"]
    settings = make_consumer_settings(stack.kafka, registry, name)
    with (tmp_path / "log").open("w") as errors, start(example.run, example.directory, settings, errors) as running:
        assert running.stdout is not None
        end = threading.Timer(LIMIT, running.kill)
        end.start()
        printed = [json.loads(running.stdout.readline()) for _ in range(300)]
        # Nothing reads the output any more, so the program blocks once the pipe is full
        deadline = time.monotonic() + 30
        while (committed := read_committed(stack.kafka, "example-go", name)) < 300 and time.monotonic() < deadline:
            time.sleep(0.1)
        running.terminate()
        printed += [json.loads(line) for line in running.stdout]
        end.cancel()
    assert 300 <= committed < len(messages)
    assert printed[:300] == [each.printed for each in messages[:300]]
    assert (running.returncode, len(printed) % 100) == (0, 0)
