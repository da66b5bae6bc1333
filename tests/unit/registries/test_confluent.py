"""Whatever a registry of Confluent's interface answers is told apart: fix it, or try again."""

from collections.abc import Callable
from functools import partial

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.registries.confluent import ConfluentRegistry
from feature_events.settings import Settings
from tests.support.web_server import Answer, ScriptedServer

type Ask = Callable[[ConfluentRegistry], object]

LOOK_UP: Ask = ConfluentRegistry.look_up
REGISTER: Ask = ConfluentRegistry.register
VERSION: Ask = partial(ConfluentRegistry.read_version, version="latest")
NOT_FOUND = Answer.of(404, {"error_code": 40403, "message": "Schema not found"})


@pytest.fixture
def registry(to_settings: Callable[..., Settings]) -> ConfluentRegistry:
    """The function's side of the server."""
    return ConfluentRegistry(to_settings())


@pytest.mark.parametrize(
    ("ask", "answer", "text"),
    [
        (LOOK_UP, NOT_FOUND, "is not registered .* AUTO_REGISTER_SCHEMAS=true"),
        (VERSION, NOT_FOUND, "no version latest"),
        (REGISTER, Answer.of(409, {"message": "field gone"}), "incompatible .*; it says: field gone"),
        (REGISTER, Answer.of(422, {}), "incompatible"),
        (VERSION, Answer.of(200, {"schemaType": "JSON", "schema": "{}", "id": 1}), "self-contained"),
        (VERSION, Answer.of(200, {"references": [{}], "schema": "{}", "id": 1}), "self-contained"),
        (LOOK_UP, Answer.of(401, {}), "HTTP 401"),
        (LOOK_UP, Answer.of(403, {}), "HTTP 403"),
        (LOOK_UP, Answer.of(405, {}), "base URL"),
        (LOOK_UP, Answer(301, b"", headers={"Location": "/elsewhere"}), "base URL"),
    ],
)
def test_registry__says_what_a_person_must_change(
    server: ScriptedServer, registry: ConfluentRegistry, ask: Ask, answer: Answer, text: str
) -> None:
    """What no retry would fix is told with what to do."""
    server.script = [answer]
    with pytest.raises(Misconfigured, match=text) as raised:
        ask(registry)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("ask", "answer", "text"),
    [
        (LOOK_UP, Answer.of(429, {}), "HTTP 429"),
        (LOOK_UP, Answer.of(500, {}), "HTTP 500"),
        (LOOK_UP, Answer(503, b"<html>"), "HTTP 503"),
        (LOOK_UP, Answer(200, b"<html>"), "no JSON object"),
        (LOOK_UP, Answer(200, b"\xff\xfe"), "no JSON object"),
        (LOOK_UP, Answer.of(200, []), "no JSON object"),
        (ConfluentRegistry.read_versions, Answer.of(200, {}), "no JSON list"),
        (LOOK_UP, Answer.of(200, {"id": "12"}), "without the schema or its id"),
        (LOOK_UP, Answer.of(200, {"id": -1}), "without the schema or its id"),
        (VERSION, Answer.of(200, {"id": 12}), "without the schema or its id"),
    ],
)
def test_registry__leaves_to_a_retry_what_may_work_later(
    server: ScriptedServer, registry: ConfluentRegistry, ask: Ask, answer: Answer, text: str
) -> None:
    """What may work later is told as such."""
    server.script = [answer]
    with pytest.raises(Undelivered, match=text) as raised:
        ask(registry)
    assert "secret" not in str(raised.value)
