"""The handler creates its pipeline once, retries after an error, and reserves time for its response."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from feature_events import wiring
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import Schema
from feature_events.pipeline import Pipeline
from tests.support.doubles import FakeContext
from tests.support.execution_environment import start_environment
from tests.support.records import CREATED, number_of, to_record
from tests.support.web_server import Answer, run_scripted_server

ENVIRON = {
    "KAFKA_BROKER_URL": "localhost:9092",
    "SCHEMA_ID": "7",
    "KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}',
}
UUID_TEXT = {"type": "string", "logicalType": "uuid"}
NAMES = ("SCHEMA_REGISTRY", "SCHEMA_VERSION", "TOPIC_NAME", "FAILURE_BUCKET", *ENVIRON)

type Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Start an execution environment with these variables."""

    def start(**environ: str) -> ModuleType:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return start_environment()

    return start


def test_handler__responds_to_a_batch(load: Load) -> None:
    """With an embedded broker and a pinned schema id, the function needs nothing else."""
    assert load(**ENVIRON).handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


def test_handler__wires_once(load: Load) -> None:
    """All invocations share the settings, the schema and the producer."""
    module = load(**ENVIRON)
    wired = module.wire()
    module.handler({"Records": [to_record()]}, FakeContext())
    assert module.wire() is wired


def test_wire__respects_the_time_limit_of_a_start(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow registry does not use up the ten seconds that Lambda allows."""
    load(KAFKA_BROKER_URL="localhost:9092", SCHEMA_REGISTRY="http://127.0.0.1:1")
    assert wiring.START_SECONDS < 10
    monkeypatch.setattr(wiring, "START_SECONDS", 0.2)
    with run_scripted_server() as registry:
        registry.script = [Answer.of(200, {"id": 12, "version": 3})._replace(pause=1.0)]
        monkeypatch.setenv("SCHEMA_REGISTRY", registry.url)
        with pytest.raises(Undelivered, match=r"no schema within 0.2 s"):
            wiring.wire()


def test_wire__requires_a_schema_that_can_express_removals(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start fails, not the first removal. Without removals, the schema is usable."""
    kind = {"type": "enum", "name": "C", "symbols": ["INSERT", "MODIFY"]}
    field = {"name": "change", "type": kind, "default": "INSERT"}
    schema = json.dumps({"type": "record", "name": "E", "fields": [field]})
    load(**ENVIRON)
    monkeypatch.setattr(wiring, "find_schema", lambda *_: Schema(7, schema))
    wiring.wire.cache_clear()
    assert wiring.wire()
    wiring.wire.cache_clear()
    monkeypatch.setenv("REMOVALS", "events")
    with pytest.raises(Misconfigured, match="change"):
        wiring.wire()


def test_handler__names_every_invalid_setting(load: Load) -> None:
    """The first invocation raises the error of the start."""
    module = load(KAFKA_BROKER_URL="nowhere")
    with pytest.raises(Misconfigured, match=r"(?s)KAFKA_BROKER_URL.*SCHEMA_REGISTRY"):
        module.handler({"Records": [to_record()]}, FakeContext())


def test_handler__recovers_without_a_new_environment(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the registry is unreachable at the start, the next invocation retries."""
    module = load(**{**ENVIRON, "SCHEMA_ID": "", "SCHEMA_REGISTRY": "http://127.0.0.1:1"})
    with pytest.raises(Undelivered):
        module.handler({"Records": [to_record()]}, FakeContext())
    monkeypatch.setenv("SCHEMA_ID", "7")
    assert module.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


@pytest.mark.parametrize("fails", ["settings", "pipeline"])
def test_handler__emits_a_batchs_age_before_anything_fails(
    fails: str, load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics contain the size, age and table of a batch that fails or times out."""
    module = load(**ENVIRON) if fails == "pipeline" else load(KAFKA_BROKER_URL="nowhere")
    seen = []

    def run(*_: object) -> None:
        seen.append(capsys.readouterr().out)
        raise Misconfigured("any error")

    monkeypatch.setattr(Pipeline, "run", run)
    with pytest.raises(Misconfigured):
        module.handler({"Records": [to_record()]}, FakeContext())
    [line] = map(json.loads, "".join([*seen, capsys.readouterr().out]).splitlines())
    assert (line["RecordsReceived"], line["table"]) == ([1], "user_feature_store")
    assert line["RecordAge"][0] == pytest.approx((time.time() - CREATED) * 1000, abs=60_000)


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": {"a": 1}}, [], None, "check", [{"check": True}]])
def test_handler__refuses_anything_but_a_batch(load: Load, event: Any) -> None:  # noqa: ANN401  # any JSON
    """An invocation by mistake does not succeed silently."""
    with pytest.raises(Misconfigured, match="no Records"):
        load(**ENVIRON).handler(event, FakeContext())


def test_handler__sends_nothing_without_time_to_respond(load: Load) -> None:
    """The batch stays in the stream."""
    record = to_record()
    answer = load(**ENVIRON).handler({"Records": [record]}, FakeContext(milliseconds=3000))
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(record)}]}


@pytest.mark.parametrize("kind", [UUID_TEXT, ["null", UUID_TEXT], [UUID_TEXT, "string"]])
def test_handler__delivers_under_a_schema_whose_event_id_is_a_uuid(load: Load, kind: object) -> None:
    """A team's own schema may use this type; fastavro raises ValueError for any other text (fastavro 838)."""
    schema = json.dumps({"type": "record", "name": "E", "fields": [{"name": "event_id", "type": kind}]})
    with run_scripted_server() as registry:
        registry.script = [Answer.of(200, {"id": 12, "version": 3, "schema": schema})]
        module = load(**{**ENVIRON, "SCHEMA_ID": "", "SCHEMA_REGISTRY": registry.url, "SCHEMA_VERSION": "latest"})
        assert module.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}
        assert module.handler({"check": True}, FakeContext())["checks"][-2]["ok"]


@pytest.mark.parametrize(
    "field", [{"name": "entity_id", "type": UUID_TEXT}, {"name": "x", "type": UUID_TEXT, "default": ""}]
)
def test_handler__names_a_field_that_readers_cannot_read(load: Load, field: dict[str, Any]) -> None:
    """The preflight check and the first invocation name it, and the import succeeds."""
    fields = [{"name": "event_id", "type": "string"}, field]
    schema = json.dumps({"type": "record", "name": "E", "fields": fields})
    with run_scripted_server() as registry:
        registry.script = [Answer.of(200, {"id": 12, "version": 3, "schema": schema})]
        module = load(**{**ENVIRON, "SCHEMA_ID": "", "SCHEMA_REGISTRY": registry.url, "SCHEMA_VERSION": "latest"})
        checks = {each["name"]: each for each in module.handler({"check": True}, FakeContext())["checks"]}
        assert field["name"] in checks["schema"]["detail"]
        with pytest.raises(Misconfigured, match=rf"field.* {field['name']}\b"):
            module.handler({"Records": [to_record()]}, FakeContext())


@pytest.mark.parametrize("schema_id", ["7", "11111111-2222-3333-4444-555555555555"])
def test_start__imports_nothing_that_it_does_not_need(schema_id: str) -> None:
    """boto3 and requests would take most of a cold start."""
    modules = {"boto3", "botocore.session", "requests", "ssl", "certifi", "aws_msk_iam_sasl_signer"}
    lazy = ("kafka.authentication", "aws.secret", "preflight.run", "registration", "redrive")
    modules |= {f"feature_events.{name}" for name in lazy}
    code = f"import sys, feature_events.handler; print(sorted({modules} & set(sys.modules)))"
    environ = {**os.environ, **ENVIRON, "PYTHONPATH": "src", "SCHEMA_REGISTRY": "", "SCHEMA_ID": schema_id}
    done = subprocess.run(  # noqa: S603  # the command is this test's
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_handler__runs_the_preflight_check_if_it_cannot_start(load: Load) -> None:
    """The report names the invalid settings."""
    report = load(KAFKA_BROKER_URL="nowhere").handler({"check": True}, FakeContext())
    assert not report["ok"]
    assert "(KAFKA_BROKER_URL) must be host:port" in report["checks"][0]["detail"]
    assert {each["detail"] for each in report["checks"][1:]} == {"skipped: fix settings first"}


def test_handler__runs_the_preflight_check_against_an_embedded_broker(load: Load) -> None:
    """With librdkafka's mock broker, only the missing bucket fails."""
    report = load(**ENVIRON).handler({"check": True}, FakeContext())
    assert [each["name"] for each in report["checks"] if not each["ok"]] == ["dead letters"]


@pytest.mark.parametrize("part", ["Codec", "TableLayouts", "find_schema", "to_producer_properties", "read_settings"])
def test_handler__runs_the_preflight_check_after_any_error_at_the_start(
    load: Load, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The import succeeds even if there is a bug, and the first invocation raises the error."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hidden")

    monkeypatch.setattr(f"feature_events.wiring.{part}", fail)
    module = load(**ENVIRON)
    report = module.handler({"check": True}, FakeContext())
    assert [each["name"] for each in report["checks"]][:2] == ["settings", "table layouts"]
    with pytest.raises(ZeroDivisionError):
        module.handler({"Records": [to_record()]}, FakeContext())
    monkeypatch.undo()
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    assert module.handler({"Records": [to_record()]}, FakeContext()) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("read_settings", "settings"),
        ("make_table_checks", "table layouts"),
        ("open_kafka_checks", "authentication"),
        ("make_registry_stages", "schema"),
    ],
)
def test_handler__runs_the_other_checks_after_an_error_in_one(
    load: Load, monkeypatch: pytest.MonkeyPatch, part: str, name: str
) -> None:
    """The report says where the error was raised, but not its text, which may contain anything."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hidden")

    module = load(**ENVIRON)
    monkeypatch.setattr(f"feature_events.preflight.run.{part}", fail)
    report = module.handler({"check": True}, FakeContext())
    [result] = [each for each in report["checks"] if each["name"] == name]
    assert re.fullmatch(
        r"unexpected ZeroDivisionError \(test_handler.py, line \d+\): report this line", result["detail"]
    )
    assert report["checks"][-1]["name"] == "dead letters"


def test_handler__checks_the_tables_named_in_the_event(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one check per table. A mistake is one failed check, and the other checks run."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    monkeypatch.setattr("feature_events.preflight.tables._DESCRIBE_SECONDS", 0.1)
    function = load(**ENVIRON)
    named = function.handler({"check": True, "tables": ["orders", "users"]}, FakeContext())["checks"]
    assert [each["name"] for each in named[1:3]] == ["layout of orders", "layout of users"]
    mistaken = function.handler({"check": True, "tables": "orders"}, FakeContext())["checks"]
    assert mistaken[1]["name"] == "table layouts"
    assert (mistaken[1]["ok"], mistaken[1]["detail"].partition(" in ")[0]) == (False, '"tables"')
    assert [each["name"] for each in mistaken[2:]] == [each["name"] for each in named[3:]]
