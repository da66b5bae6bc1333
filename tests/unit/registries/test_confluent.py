"""Responses of a Confluent-compatible registry are classified: an operator must act, or a retry may succeed."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.registry import MAX_VERSIONS, Registered
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import Settings
from tests.support.web_server import ABSENT, Answer, ScriptedServer

type Operation = Callable[[ConfluentRegistry], object]

LOOK_UP: Operation = ConfluentRegistry.look_up
REGISTER: Operation = ConfluentRegistry.register
VERSION: Operation = partial(ConfluentRegistry.read_version, version="latest")
VERSIONS: Operation = ConfluentRegistry.read_versions
BY_ID: Operation = partial(ConfluentRegistry.read_by_id, schema_id=12)
NOT_FOUND = Answer.of(404, {"error_code": 40403, "message": "Schema not found"})


@pytest.fixture
def registry(to_settings: Callable[..., Settings]) -> ConfluentRegistry:
    """Return the registry on the scripted server."""
    return ConfluentRegistry(to_settings())


@pytest.mark.parametrize(
    ("operation", "answer", "text"),
    [
        (LOOK_UP, NOT_FOUND, "is not registered .* Schema=register"),
        (VERSION, NOT_FOUND, "no version latest"),
        (REGISTER, Answer.of(409, {"message": "field gone"}), "incompatible .*; reason: field gone"),
        (REGISTER, Answer.of(422, {}), "incompatible"),
        (VERSION, Answer.of(200, {"schemaType": "JSON", "schema": "{}", "id": 1}), "self-contained"),
        (VERSION, Answer.of(200, {"references": [{}], "schema": "{}", "id": 1}), "self-contained"),
        (LOOK_UP, Answer.of(401, {}), "HTTP 401"),
        (LOOK_UP, Answer.of(403, {}), "HTTP 403"),
        (LOOK_UP, Answer.of(405, {}), "base URL"),
        (LOOK_UP, Answer(301, b"", headers={"Location": "/elsewhere"}), "base URL"),
        (LOOK_UP, Answer(301, b"", headers={"Location": "http://["}), "HTTP 301: check that SchemaRegistry"),
        (LOOK_UP, Answer(200, b"<html>"), "not a JSON object: check that SchemaRegistry"),
        (LOOK_UP, Answer(200, b"\xff\xfe"), "not a JSON object: check that SchemaRegistry"),
        (LOOK_UP, Answer(200, b"[" * 60_000), "not a JSON object"),
        (LOOK_UP, Answer.of(200, []), "not a JSON object"),
        (VERSIONS, Answer.of(200, {}), "not a JSON list: check that SchemaRegistry"),
        (VERSIONS, Answer.of(200, [[1]]), "versions that are not numbers: check that SchemaRegistry"),
        (VERSIONS, Answer.of(200, [1, {"version": 2}]), "versions that are not numbers"),
        (VERSIONS, Answer.of(200, [True]), "versions that are not numbers"),
        (LOOK_UP, Answer.of(200, {"id": "12"}), "without the schema or its id: check that SchemaRegistry"),
        (LOOK_UP, Answer.of(200, {"id": True}), "without the schema or its id"),
        (VERSION, Answer.of(200, {"id": 12}), "without the schema or its id"),
        (BY_ID, NOT_FOUND, "has no schema with id 12, so the events with this id cannot be read: restore the schema"),
        (BY_ID, Answer.of(200, {"schemaType": "PROTOBUF", "schema": "x"}), "schema id 12 .* self-contained Avro"),
        (BY_ID, Answer.of(403, {}), "HTTP 403"),
    ],
)
def test_registry__tells_an_operator_what_to_change(
    server: ScriptedServer, registry: ConfluentRegistry, operation: Operation, answer: Answer, text: str
) -> None:
    """No retry would succeed, so the message contains the remedy."""
    server.script = [answer]
    with pytest.raises(Misconfigured, match=text) as raised:
        operation(registry)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("operation", "answer", "text"),
    [
        (LOOK_UP, Answer.of(429, {}), "HTTP 429"),
        (LOOK_UP, Answer.of(500, {}), "HTTP 500"),
        (LOOK_UP, Answer(503, b"<html>"), "HTTP 503"),
    ],
)
def test_registry__leaves_temporary_errors_to_a_retry(
    server: ScriptedServer, registry: ConfluentRegistry, operation: Operation, answer: Answer, text: str
) -> None:
    """An overloaded registry may respond later."""
    server.script = [answer]
    with pytest.raises(Undelivered, match=text) as raised:
        operation(registry)
    assert "secret" not in str(raised.value)


ALL: dict[str, Operation] = {
    "look up": LOOK_UP,
    "find": ConfluentRegistry.find_registered,
    "version": VERSION,
    "versions": VERSIONS,
    "compatibility": ConfluentRegistry.is_accepted,
    "register": REGISTER,
}


@pytest.mark.parametrize("operation", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, b""),
        Answer(404, b"<html>no such page</html>"),
        Answer.of(404, {}),
        Answer.of(404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        Answer.of(404, {"error_code": 40408, "message": "no compatibility level"}),
        Answer.of(404, [40401]),
        Answer(405, b"<html>"),
        Answer(409, b"<html>"),
        Answer(422, b"<html>"),
        Answer(200, b"<html>"),
        Answer(204, b""),
        Answer(302, b"<html>", headers={"Location": "/login"}),
    ],
    ids=lambda answer: f"{answer.status} {answer.body.decode()}",
)
def test_registry__ignores_responses_of_other_servers(
    server: ScriptedServer, registry: ConfluentRegistry, operation: Operation, answer: Answer
) -> None:
    """A 404 from a gateway or console does not mean that a schema is absent or rejected.

    Reported for Apicurio (issue 2889), Redpanda's console (157) and Confluent's registry (463).
    """
    server.script = [answer]
    with pytest.raises(Misconfigured, match=r"check that SchemaRegistry \(SCHEMA_REGISTRY\) is the base URL"):
        operation(registry)
    assert len(server.requests) == 1


COMPATIBLE = Answer.of(200, {"is_compatible": True})
NOTE = {"name": "note", "type": "string"}
FORMER = json.dumps({**json.loads(SHIPPED_SCHEMA), "fields": [*json.loads(SHIPPED_SCHEMA)["fields"], NOTE]})
BREAKING = Answer.of(200, {"id": 1, "version": 1, "schema": FORMER})
GATEWAYS = {
    f"{place} {status}": (place, Answer(status, b"<html>"))
    for place in ("/compatibility", "/versions", "/versions/1")
    for status in (200, 404, 405, 409, 422)
}


@pytest.mark.parametrize(("place", "answer"), GATEWAYS.values(), ids=GATEWAYS)
def test_ensure_registered__fails_without_a_comparison(
    server: ScriptedServer, to_settings: Callable[..., Settings], place: str, answer: Answer
) -> None:
    """A gateway that blocks some of the paths does not disable the comparison.

    Reported as https://github.com/confluentinc/schema-registry/issues/463.
    """
    answers = {
        "": ABSENT,
        "/compatibility": COMPATIBLE,
        "/versions": Answer.of(200, [1]),
        "/versions/1": BREAKING,
    }
    server.script = list({**answers, place: answer}.values())
    with pytest.raises(Misconfigured, match=r"check that SchemaRegistry \(SCHEMA_REGISTRY\) is the base URL"):
        make_registry(to_settings()).ensure_registered()
    assert not [each for each in server.requests if each.method == "POST" and each.path.endswith("/versions")]


def test_ensure_registered__compares_even_if_the_registry_accepts(
    server: ScriptedServer, to_settings: Callable[..., Settings]
) -> None:
    """The comparison also runs if the registry rejects without a reason, or reports no versions."""
    for said in (ABSENT, Answer.of(200, {"is_compatible": False}), Answer.of(422, {})):
        server.script = [ABSENT, said, Answer.of(200, [1]), BREAKING]
        with pytest.raises(
            Misconfigured, match=r"Consumers with version 1 cannot read events of feature_trigger.avsc: note"
        ):
            make_registry(to_settings()).ensure_registered()


@pytest.mark.parametrize("number", [2257871337, 2**31, 2**32, 10**400, 0, -1])
@pytest.mark.parametrize("operation", [LOOK_UP, VERSION], ids=["look up", "version"])
def test_registry__refuses_an_id_that_events_cannot_contain(
    server: ScriptedServer, registry: ConfluentRegistry, operation: Operation, number: int
) -> None:
    """The wire format has four bytes for the id, and clients read them as a signed number.

    Reported as https://github.com/IBM/event-streams/issues/99.
    """
    server.script = [Answer.of(200, {"id": number, "version": 1, "schema": "{}"})]
    with pytest.raises(Misconfigured, match=r"schema id that is not between 1 and 2147483647.*set SchemaRegistry"):
        operation(registry)
    server.script = [Answer.of(200, {"id": 2**31 - 1, "version": number, "schema": "{}"})]
    operation(registry)
    assert registry.find_registered() == Registered(2**31 - 1, None)


def test_read_version__accepts_null_for_an_absent_member(server: ScriptedServer, registry: ConfluentRegistry) -> None:
    """Some registries return null for members that others omit."""
    server.script = [Answer.of(200, {"id": 12, "schemaType": None, "references": None, "schema": "{}"})]
    assert registry.read_version(3) == Schema(12, "{}")


def test_read_by_id__returns_the_schema_of_an_event(server: ScriptedServer, registry: ConfluentRegistry) -> None:
    """The id alone names the schema, whatever its subject is."""
    server.script = [Answer.of(200, {"schema": "{}"})]
    assert registry.read_by_id(12) == "{}"
    assert server.requests[-1].path.endswith("/schemas/ids/12")


@pytest.mark.parametrize("number", [MAX_VERSIONS, MAX_VERSIONS + 1, 2999])
def test_read_versions__limits_the_number_of_versions(
    server: ScriptedServer, registry: ConfluentRegistry, number: int
) -> None:
    """With more versions, none is read, and the message explains how to register without the comparison."""
    version = Answer.of(200, {"id": 1, "version": 1, "schema": "{}"})
    server.script = [Answer.of(200, [*range(1, number + 1)]), version]
    if number <= MAX_VERSIONS:
        assert len(registry.read_versions()) == number
        assert len(server.requests) == 1 + number
        return
    with pytest.raises(Misconfigured, match=rf"has {number:,} versions, .*pin its id with Schema=id:NUMBER"):
        registry.read_versions()
    assert len(server.requests) == 1
