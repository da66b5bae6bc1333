"""The registry is asked once, in three ways, and whatever it answers is told apart: fix it, or try again."""

from collections.abc import Iterator

import pytest

from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries import transport
from feature_events.registries.schema import find_schema
from feature_events.settings import Settings, read_settings
from tests.support.resolver import hanging_resolver
from tests.support.web_server import Answer, Request, ScriptedServer, run_scripted_server

LONG = 20.0
SUBJECT = "/subjects/FEATURE_AVAILABILITY_EVENTS-value"
FOUND = Answer.of(200, {"subject": "s", "id": 12, "version": 3, "schema": "{}"})
NOT_FOUND = Answer.of(404, {"error_code": 40403, "message": "Schema not found"})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A registry that says what a test tells it to."""
    with run_scripted_server() as running:
        yield running


def settings_for(server: ScriptedServer, **environ: str) -> Settings:
    """Settings with this registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url, **environ})


def test_find_schema__asks_nobody_with_a_pinned_id(server: ScriptedServer) -> None:
    """SCHEMA_ID needs no registry, even where one is named."""
    assert find_schema(settings_for(server, SCHEMA_ID="7"), LONG) == Schema(7, SHIPPED_SCHEMA)
    assert server.requests == []


def test_find_schema__looks_the_shipped_schema_up(server: ScriptedServer) -> None:
    """By default the schema must be registered already; its id is found by its content."""
    server.script = [FOUND]
    assert find_schema(settings_for(server), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert server.requests == [Request("POST", SUBJECT, {"schema": SHIPPED_SCHEMA})]


def test_find_schema__registers_when_told_to(server: ScriptedServer) -> None:
    """With AUTO_REGISTER_SCHEMAS the schema is registered, then found with its version."""
    server.script = [Answer.of(200, {"id": 12}), FOUND]
    assert find_schema(settings_for(server, AUTO_REGISTER_SCHEMAS="true"), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert [request.path for request in server.requests] == [SUBJECT + "/versions", SUBJECT]


@pytest.mark.parametrize("version", ["latest", "3"])
def test_find_schema__takes_the_registrys_own_version(server: ScriptedServer, version: str) -> None:
    """With SCHEMA_VERSION the registry's text counts, not ours."""
    server.script = [FOUND]
    assert find_schema(settings_for(server, SCHEMA_VERSION=version), LONG) == Schema(12, "{}")
    assert server.requests == [Request("GET", f"{SUBJECT}/versions/{version}", None)]


LOOK_UP: dict[str, str] = {}
REGISTER = {"AUTO_REGISTER_SCHEMAS": "true"}
VERSION = {"SCHEMA_VERSION": "latest"}


@pytest.mark.parametrize(
    ("environ", "answer", "error", "text"),
    [
        (LOOK_UP, NOT_FOUND, Misconfigured, "is not registered .* AUTO_REGISTER_SCHEMAS=true"),
        (VERSION, NOT_FOUND, Misconfigured, "no version latest"),
        (REGISTER, Answer.of(409, {"message": "field gone"}), Misconfigured, "incompatible .*; it says: field gone"),
        (REGISTER, Answer.of(422, {}), Misconfigured, "incompatible"),
        (
            VERSION,
            Answer.of(200, {"schemaType": "JSON", "schema": "{}", "id": 1}),
            Misconfigured,
            "not a self-contained",
        ),
        (VERSION, Answer.of(200, {"references": [{}], "schema": "{}", "id": 1}), Misconfigured, "not a self-contained"),
        (LOOK_UP, Answer.of(401, {}), Misconfigured, "HTTP 401"),
        (LOOK_UP, Answer.of(403, {}), Misconfigured, "HTTP 403"),
        (LOOK_UP, Answer.of(405, {}), Misconfigured, "base URL"),
        (LOOK_UP, Answer(301, b"", headers={"Location": "/elsewhere"}), Misconfigured, "base URL"),
        (LOOK_UP, Answer.of(429, {}), Undelivered, "HTTP 429"),
        (LOOK_UP, Answer.of(500, {}), Undelivered, "HTTP 500"),
        (LOOK_UP, Answer(503, b"<html>"), Undelivered, "HTTP 503"),
        (LOOK_UP, Answer(200, b"<html>"), Undelivered, "no JSON object"),
        (LOOK_UP, Answer(200, b"\xff\xfe"), Undelivered, "no JSON object"),
        (LOOK_UP, Answer(200, b'{"id": 12', headers={"Content-Length": "500"}), Undelivered, "not reached"),
        (LOOK_UP, Answer.of(200, []), Undelivered, "no JSON object"),
        (LOOK_UP, Answer.of(200, {"id": "12"}), Undelivered, "without the schema or its id"),
        (LOOK_UP, Answer.of(200, {"id": -1}), Undelivered, "without the schema or its id"),
        (VERSION, Answer.of(200, {"id": 12}), Undelivered, "without the schema or its id"),
    ],
)
def test_find_schema__tells_what_to_change_from_what_to_try_again(
    server: ScriptedServer, environ: dict[str, str], answer: Answer, error: type[FeatureEventsError], text: str
) -> None:
    """Every way to go wrong is one clear error of the right kind."""
    server.script = [answer]
    with pytest.raises(error, match=text) as raised:
        find_schema(settings_for(server, **environ), LONG)
    assert "secret" not in str(raised.value)


def test_find_schema__waits_for_no_registry_that_hangs(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that does not come is not waited for."""
    monkeypatch.setattr(transport, "READ_SECONDS", 0.1)
    server.script = [Answer(200, b"{}", delay=1)]
    with pytest.raises(Undelivered, match=r"not reached .ReadTimeout."):
        find_schema(settings_for(server), LONG)


TRICKLE = Answer.of(200, {"id": 12, "version": 3})._replace(pause=1.0)
"""Thirty bytes, one a second: no timeout of a socket passes."""


@pytest.mark.parametrize(
    ("seconds", "answer_seconds", "text"), [(0.2, 60.0, "no schema within 0.2 s"), (60.0, 0.2, "no answer within 0 s")]
)
def test_find_schema__waits_for_no_registry_that_trickles(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, seconds: float, answer_seconds: float, text: str
) -> None:
    """An answer has a limit as a whole, and so has all that is asked."""
    monkeypatch.setattr(transport, "ANSWER_SECONDS", answer_seconds)
    server.script = [TRICKLE]
    with pytest.raises(Undelivered, match=rf"{server.url} was not reached .{text}.: check SCHEMA_REGISTRY"):
        find_schema(settings_for(server), seconds)


@pytest.mark.parametrize(
    "environ", [{}, {"SCHEMA_REGISTRY_SECRET_ARN": "arn:aws:secretsmanager:x:123456789012:secret:s"}]
)
def test_find_schema__waits_for_no_resolver(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """A name that hangs keeps neither the registry's limit waiting, nor that of its secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.invalid")
    url = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "https://registry.invalid"}
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"registry.invalid was not reached .no schema within 0.2 s."):
            find_schema(read_settings(url | environ), 0.2)
        assert not ended.is_set()


@pytest.mark.parametrize("status", [200, 404, 500])
def test_find_schema__reads_no_endless_answer(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Of an answer that is longer than any schema no more is read than that."""
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1000)
    server.script = [Answer(status, b'{"id": 12, "version": 3}'.ljust(1001))]
    with pytest.raises(Undelivered, match=r"answers with more than 1,000 bytes: check that SCHEMA_REGISTRY"):
        find_schema(settings_for(server), LONG)
    server.script = [Answer(200, b'{"id": 12, "version": 3}'.ljust(1000))]
    assert find_schema(settings_for(server), LONG).id == 12


def test_find_schema__says_that_nobody_is_there() -> None:
    """A registry that is down may come back, and the message says where to look meanwhile."""
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "http://127.0.0.1:1"})
    with pytest.raises(Undelivered, match=r"127.0.0.1:1 was not reached .ConnectionError.: check SCHEMA_REGISTRY"):
        find_schema(settings, LONG)
