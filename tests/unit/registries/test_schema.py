"""The schema and its id are found once, in three ways, within the time of a start."""

import json
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema, read_shipped_schema
from feature_events.registries import schema
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings
from tests.support.resolver import hanging_resolver
from tests.support.web_server import ABSENT, Answer, Request, ScriptedServer

type ToSettings = Callable[..., Settings]

LONG = 20.0
SUBJECT = "/subjects/FEATURE_AVAILABILITY_EVENTS-value"
FOUND = Answer.of(200, {"subject": "s", "id": 12, "version": 3, "schema": "{}"})


def test_find_schema__asks_nobody_with_a_pinned_id(server: ScriptedServer, to_settings: ToSettings) -> None:
    """SCHEMA_ID needs no registry, even where one is named."""
    assert find_schema(to_settings(SCHEMA_ID="7"), LONG) == Schema(7, SHIPPED_SCHEMA)
    assert server.requests == []


def test_find_schema__takes_the_shipped_schema_that_is_asked_for(
    server: ScriptedServer, to_settings: ToSettings
) -> None:
    """SCHEMA_FILE names it, whether its id is pinned or looked up, and an error names it too."""
    file = "feature_trigger_v2.avsc"
    text = read_shipped_schema(file)
    assert find_schema(to_settings(SCHEMA_ID="7", SCHEMA_FILE=file), LONG) == Schema(7, text)
    server.script = [FOUND, ABSENT]
    assert find_schema(to_settings(SCHEMA_FILE=file), LONG) == Schema(12, text)
    assert server.requests == [Request("POST", SUBJECT, {"schema": text})]
    with pytest.raises(Misconfigured, match=r"feature_trigger_v2.avsc is not registered"):
        find_schema(to_settings(SCHEMA_FILE=file), LONG)


def test_find_schema__looks_the_shipped_schema_up(server: ScriptedServer, to_settings: ToSettings) -> None:
    """By default the schema must be registered already; its id is found by its content."""
    server.script = [FOUND]
    assert find_schema(to_settings(), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert server.requests == [Request("POST", SUBJECT, {"schema": SHIPPED_SCHEMA})]


def test_find_schema__registers_when_told_to(server: ScriptedServer, to_settings: ToSettings) -> None:
    """With AUTO_REGISTER_SCHEMAS the schema is registered where it is not there, then found with its version."""
    server.script = [ABSENT, ABSENT, ABSENT, Answer.of(200, {"id": 12}), FOUND]
    assert find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG) == Schema(12, SHIPPED_SCHEMA)
    assert [request.path for request in server.requests] == [
        SUBJECT,
        f"/compatibility{SUBJECT}/versions/latest?verbose=true",
        f"{SUBJECT}/versions",
        f"{SUBJECT}/versions",
        SUBJECT,
    ]


def test_find_schema__says_what_there_was_no_time_for(to_settings: ToSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """To compare with many versions takes long; then the network path is not all there is to check."""
    hangs = threading.Event()
    fake = SimpleNamespace(find_registered=lambda: None, to_unreached=Undelivered)
    monkeypatch.setattr(schema, "to_registry", lambda _: fake)
    monkeypatch.setattr(schema, "refuse_incompatible", lambda *_: hangs.wait(20))
    with pytest.raises(Undelivered, match=r"within 0.5 s; the schema was being compared with all versions"):
        find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), 0.5)
    hangs.set()


def test_find_schema__registers_nothing_that_breaks_a_reader(server: ScriptedServer, to_settings: ToSettings) -> None:
    """Whoever registers it, the schema is compared with every version that the subject has."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    version = Answer.of(200, {"id": 1, "version": 1, "schema": json.dumps(former)})
    server.script = [ABSENT, Answer.of(200, {"is_compatible": True}), Answer.of(200, [1]), version]
    with pytest.raises(Misconfigured, match="With version 1, its events cannot be read: note is not written"):
        find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG)


def test_find_schema__compares_with_no_version_that_has_just_been_deleted(
    server: ScriptedServer, to_settings: ToSettings
) -> None:
    """It has no readers, and what is there is compared."""
    gone, there = ABSENT, Answer.of(200, {"id": 1, "version": 2, "schema": SHIPPED_SCHEMA})
    compatible = Answer.of(200, {"is_compatible": True})
    server.script = [ABSENT, compatible, Answer.of(200, [1, 2]), gone, there, Answer.of(200, {}), FOUND]
    assert find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG) == Schema(12, SHIPPED_SCHEMA)


def test_find_schema__says_with_which_version_it_cannot_be_compared(
    server: ScriptedServer, to_settings: ToSettings
) -> None:
    """A version of another kind has no fields to compare."""
    version = Answer.of(200, {"id": 1, "version": 4, "schema": "{}", "schemaType": "JSON"})
    server.script = [ABSENT, Answer.of(200, {"is_compatible": True}), Answer.of(200, [4]), version]
    with pytest.raises(Misconfigured, match=r"cannot be compared with version 4 of subject .*: delete that version"):
        find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG)


@pytest.mark.parametrize("version", ["latest", "3"])
def test_find_schema__takes_a_version(server: ScriptedServer, to_settings: ToSettings, version: str) -> None:
    """With SCHEMA_VERSION the registry's text counts, not ours."""
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
def test_find_schema__says_that_there_is_none(
    server: ScriptedServer, to_settings: ToSettings, environ: dict[str, str], text: str
) -> None:
    """Each of the three ways has its own words for an absent schema; a registration that is absent is no registry's."""
    server.script = [Answer.of(404, {"error_code": 40403, "message": "Schema not found"})]
    with pytest.raises(Misconfigured, match=text):
        find_schema(to_settings(**environ), LONG)


def test_find_schema__waits_for_no_registry_that_trickles(server: ScriptedServer, to_settings: ToSettings) -> None:
    """All that is asked has a limit together."""
    server.script = [FOUND._replace(pause=1.0)]
    with pytest.raises(
        Undelivered, match=rf"{server.url} was not reached .no schema within 0.2 s; .+looked up.: check"
    ):
        find_schema(to_settings(), 0.2)


@pytest.mark.parametrize(
    "environ", [{}, {"SCHEMA_REGISTRY_SECRET_ARN": "arn:aws:secretsmanager:x:123456789012:secret:s"}]
)
def test_find_schema__waits_for_no_resolver(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    """A name that hangs keeps neither the registry's limit waiting, nor that of its secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.invalid")
    url = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "https://registry.invalid"}
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"registry.invalid was not reached .no schema within 0.2 s;"):
            find_schema(read_settings(url | environ), 0.2)
        assert not ended.is_set()


def test_find_schema__says_that_nobody_is_there() -> None:
    """A registry that is down may come back, and the message says where to look meanwhile."""
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "http://127.0.0.1:1"})
    with pytest.raises(Undelivered, match=r"127.0.0.1:1 was not reached .ConnectionError.: check SchemaRegistry"):
        find_schema(settings, LONG)
