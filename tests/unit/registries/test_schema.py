"""The schema and its id are found in one of three ways, within the time of a start."""

import threading
from collections.abc import Callable

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema, read_shipped_schema
from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings
from tests.support.resolver import hanging_resolver
from tests.support.web_server import ABSENT, Answer, Request, ScriptedServer

type ToSettings = Callable[..., Settings]

LONG = 20.0
SUBJECT = "/subjects/FEATURE_AVAILABILITY_EVENTS-value"
FOUND = Answer.of(200, {"subject": "s", "id": 12, "version": 3, "schema": "{}"})


def test_find_schema__sends_no_request_with_a_pinned_id(server: ScriptedServer, to_settings: ToSettings) -> None:
    """With SCHEMA_ID, the registry in the settings is not used."""
    assert find_schema(to_settings(SCHEMA_ID="7"), LONG) == Schema(7, SHIPPED_SCHEMA)
    assert server.requests == []


def test_find_schema__uses_the_schema_file_in_the_settings(server: ScriptedServer, to_settings: ToSettings) -> None:
    """SCHEMA_FILE applies to a pinned id and to a lookup, and errors contain its name."""
    file = "feature_trigger_v2.avsc"
    text = read_shipped_schema(file)
    assert find_schema(to_settings(SCHEMA_ID="7", SCHEMA_FILE=file), LONG) == Schema(7, text)
    server.script = [FOUND, ABSENT]
    assert find_schema(to_settings(SCHEMA_FILE=file), LONG) == Schema(12, text)
    assert server.requests == [Request("POST", SUBJECT, {"schema": text})]
    with pytest.raises(Misconfigured, match=r"feature_trigger_v2.avsc is not registered"):
        find_schema(to_settings(SCHEMA_FILE=file), LONG)


def test_find_schema__looks_up_the_shipped_schema_by_default(server: ScriptedServer, to_settings: ToSettings) -> None:
    """The schema must be registered. Its id is found by its text."""
    server.script = [FOUND]
    assert find_schema(to_settings(), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert server.requests == [Request("POST", SUBJECT, {"schema": SHIPPED_SCHEMA})]


def test_find_schema__registers_with_auto_register(server: ScriptedServer, to_settings: ToSettings) -> None:
    """With AUTO_REGISTER_SCHEMAS, the schema is registered if it is absent, then found with its version."""
    server.script = [ABSENT, ABSENT, ABSENT, Answer.of(200, {"id": 12}), FOUND]
    assert find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert [request.path for request in server.requests] == [
        SUBJECT,
        f"/compatibility{SUBJECT}/versions/latest?verbose=true",
        f"{SUBJECT}/versions",
        f"{SUBJECT}/versions",
        SUBJECT,
    ]


def test_find_schema__names_the_step_that_exceeded_the_time(
    to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow comparison with many versions needs another remedy than a broken network path."""
    hangs = threading.Event()
    monkeypatch.setattr(ConfluentRegistry, "find_registered", lambda _: None)
    monkeypatch.setattr(ConfluentRegistry, "is_accepted", lambda _: hangs.wait(20))
    with pytest.raises(Undelivered, match=r"within 0.5 s; the schema was being compared with all versions"):
        find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), 0.5)
    hangs.set()


def test_find_schema__measures_the_answer_without_the_import(
    server: ScriptedServer, to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import counts towards the time limit, but not as latency of the registry."""
    measured: list[float] = []
    monkeypatch.setattr("feature_events.metrics.emit_registry_latency", measured.append)
    server.script = [FOUND]
    find_schema(to_settings(), LONG, iter([0.0, 0.7, 0.75]).__next__)
    assert measured == [pytest.approx(50)]


def test_find_schema__skips_a_version_that_was_just_deleted(server: ScriptedServer, to_settings: ToSettings) -> None:
    """A deleted version has no consumers. The other versions are compared."""
    deleted, existing = ABSENT, Answer.of(200, {"id": 1, "version": 2, "schema": SHIPPED_SCHEMA})
    compatible = Answer.of(200, {"is_compatible": True})
    server.script = [ABSENT, compatible, Answer.of(200, [1, 2]), deleted, existing, Answer.of(200, {}), FOUND]
    assert find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG) == Schema(12, SHIPPED_SCHEMA)


def test_find_schema__names_a_version_that_is_not_avro(server: ScriptedServer, to_settings: ToSettings) -> None:
    """A JSON Schema has no fields to compare."""
    version = Answer.of(200, {"id": 1, "version": 4, "schema": "{}", "schemaType": "JSON"})
    server.script = [ABSENT, Answer.of(200, {"is_compatible": True}), Answer.of(200, [4]), version]
    with pytest.raises(Misconfigured, match=r"cannot be compared with version 4 of subject .*: delete that version"):
        find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG)


@pytest.mark.parametrize("version", ["latest", "3"])
def test_find_schema__reads_a_version(server: ScriptedServer, to_settings: ToSettings, version: str) -> None:
    """With SCHEMA_VERSION, the registry's text is used instead of the shipped one."""
    server.script = [FOUND]
    assert find_schema(to_settings(SCHEMA_VERSION=version), LONG) == Schema(12, "{}")
    assert server.requests == [Request("GET", f"{SUBJECT}/versions/{version}", None)]


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({}, "is not registered .* Schema=register"),
        ({"SCHEMA_VERSION": "latest"}, "no version latest"),
        ({"AUTO_REGISTER_SCHEMAS": "true"}, r"HTTP 404: check that SchemaRegistry \(SCHEMA_REGISTRY\) is the base URL"),
    ],
)
def test_find_schema__explains_an_absent_schema(
    server: ScriptedServer, to_settings: ToSettings, environ: dict[str, str], text: str
) -> None:
    """Each of the three ways has its own message. A registry never returns 404 for a registration."""
    server.script = [Answer.of(404, {"error_code": 40403, "message": "Schema not found"})]
    with pytest.raises(Misconfigured, match=text):
        find_schema(to_settings(**environ), LONG)


def test_find_schema__limits_the_time_of_all_requests(server: ScriptedServer, to_settings: ToSettings) -> None:
    """A registry that sends a byte per second does not delay the start."""
    server.script = [FOUND._replace(pause=1.0)]
    with pytest.raises(
        Undelivered, match=rf"{server.url} could not be reached .no schema within 0.2 s; .+looked up.: check"
    ):
        find_schema(to_settings(), 0.2)


@pytest.mark.parametrize(
    "environ", [{}, {"SCHEMA_REGISTRY_SECRET_ARN": "arn:aws:secretsmanager:x:123456789012:secret:s"}]
)
def test_find_schema__does_not_wait_for_the_resolver(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """A slow resolver does not exceed the limit, neither for the registry nor for its secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.invalid")
    url = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "https://registry.invalid"}
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"registry.invalid could not be reached .no schema within 0.2 s;"):
            find_schema(read_settings(url | environ), 0.2)
        assert not ended.is_set()


def test_find_schema__treats_an_unreachable_registry_as_temporary() -> None:
    """The message contains what to check."""
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "http://127.0.0.1:1"})
    with pytest.raises(Undelivered, match=r"127.0.0.1:1 could not be reached .ConnectionError.: check SchemaRegistry"):
        find_schema(settings, LONG)
