"""CloudFormation is answered whatever happens, in time, and with nothing that it should not show."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from feature_events import registration
from feature_events.errors import Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from tests.support.doubles import FakeContext
from tests.support.failures import in_memory
from tests.support.resolver import hanging_resolver
from tests.support.web_server import ABSENT, Answer, ScriptedServer, run_scripted_server

SUBJECT = "FEATURE_AVAILABILITY_EVENTS-value"
TAKEN = Answer(200, b"")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A registry that says what a test tells it to."""
    with run_scripted_server() as running:
        for name in ("TOPIC_NAME", "SCHEMA_ID", "SCHEMA_FILE", "KAFKA_BROKER_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SCHEMA_REGISTRY", running.url)
        yield running


@pytest.fixture
def cloudformation() -> Iterator[ScriptedServer]:
    """Where CloudFormation wants its answers put."""
    with run_scripted_server() as running:
        running.script = [TAKEN]
        yield running


def ask(cloudformation: ScriptedServer, kind: str = "Create", *, milliseconds: int = 60_000, **more: str) -> Any:  # noqa: ANN401
    """What a request of this kind is answered."""
    event = {"RequestType": kind, "ResponseURL": f"{cloudformation.url}/?signature=hidden", **more}
    registration.handler(event, FakeContext(milliseconds))  # type: ignore[arg-type]  # the part that is used
    return cloudformation.requests[-1].body


def test_handler__answers_with_id_and_version(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """A schema that is there already is found, and the answer has the form and the content type that S3 wants."""
    registry.script = [Answer.of(200, {"id": 12, "version": 3})]
    assert ask(cloudformation) == {
        "Status": "SUCCESS",
        "Reason": "The schema is registered.",
        "PhysicalResourceId": SUBJECT,
        "StackId": None,
        "RequestId": None,
        "LogicalResourceId": None,
        "Data": {"SchemaId": "12", "SchemaVersion": "3"},
    }
    assert [request.method for request in cloudformation.requests] == ["PUT"]
    assert cloudformation.content_types == [""]


def test_handler__repeats_the_registrys_reasons(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """What a check of compatibility says is told, as long as it fits into an answer; nothing is registered."""
    messages = ["READER_FIELD_MISSING_DEFAULT_VALUE: note", "xxx" + "é" * 9000]
    registry.script = [ABSENT, Answer.of(200, {"is_compatible": False, "messages": messages})]
    answer = ask(cloudformation)
    assert answer["Status"] == "FAILED"
    assert "it says: READER_FIELD_MISSING_DEFAULT_VALUE: note; xxx" in answer["Reason"]
    assert len(json.dumps(answer).encode()) < 4096
    assert [request.path.rpartition("/")[2] for request in registry.requests] == [SUBJECT, "latest?verbose=true"]


def test_handler__registers_where_nothing_is(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """A subject without versions has nothing to be compatible with."""
    found = Answer.of(200, {"id": 1, "version": 1})
    registry.script = [ABSENT, ABSENT, ABSENT, Answer.of(200, {"id": 1}), found]
    assert ask(cloudformation, "Update")["Data"] == {"SchemaId": "1", "SchemaVersion": "1"}


def test_handler__answers_with_the_uuid_of_glue(
    cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is Glue's by the topic's name, and its id a UUID; Glue says no number of a version that it has."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "glue")
    monkeypatch.delenv("SCHEMA_ID", raising=False)
    with in_memory():
        answer = ask(cloudformation)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "FEATURE_AVAILABILITY_EVENTS")
    assert answer["Data"] == {"SchemaId": str(UUID(answer["Data"]["SchemaId"])), "SchemaVersion": ""}


COMPATIBLE = Answer.of(200, {"is_compatible": True})
VERSION_1 = Answer.of(200, {"id": 1, "version": 1, "schema": SHIPPED_SCHEMA})


def test_handler__registers_the_schema_that_is_asked_for(
    registry: ScriptedServer, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is compared with each version that the subject has, and then registered."""
    monkeypatch.setenv("SCHEMA_FILE", "feature_trigger_v2.avsc")
    found = Answer.of(200, {"id": 2, "version": 2})
    versions = [Answer.of(200, [1, 3]), VERSION_1, VERSION_1]
    registry.script = [ABSENT, COMPATIBLE, *versions, Answer.of(200, {"id": 2}), found]
    assert ask(cloudformation)["Data"] == {"SchemaId": "2", "SchemaVersion": "2"}
    paths = [request.path.rpartition(f"{SUBJECT}")[2] for request in registry.requests]
    paths[3:5] = sorted(paths[3:5])  # versions are read at once
    assert paths == [
        "",
        "/versions/latest?verbose=true",
        "/versions",
        "/versions/1",
        "/versions/3",
        "/versions",
        "",
    ]
    sent = {request.body["schema"] for request in registry.requests if request.body}
    assert sent == {read_shipped_schema("feature_trigger_v2.avsc")}


def test_handler__registers_no_schema_that_breaks_a_reader(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """Where the registry has no objection, the subject's versions have: with the field's name."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    version = Answer.of(200, {"id": 1, "version": 1, "schema": json.dumps(former)})
    registry.script = [ABSENT, COMPATIBLE, Answer.of(200, [1]), version]
    answer = ask(cloudformation)
    assert answer["Status"] == "FAILED"
    assert "With version 1, its events cannot be read: note is not written and has no default" in answer["Reason"]
    assert [request.method for request in registry.requests if request.path.endswith("/versions")] == ["GET"]


def test_handler__registers_where_the_registry_calls_no_version_compatible(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """Some registries call a subject compatible that they do not have."""
    found = Answer.of(200, {"id": 1, "version": 1})
    registry.script = [ABSENT, COMPATIBLE, ABSENT, Answer.of(200, {"id": 1}), found]
    assert ask(cloudformation)["Data"] == {"SchemaId": "1", "SchemaVersion": "1"}


@pytest.mark.parametrize("known", [SUBJECT, "2026/11/24/[$LATEST]stream"])
def test_handler__leaves_the_registry_alone_on_delete(
    registry: ScriptedServer, cloudformation: ScriptedServer, known: str
) -> None:
    """Also after a Create that failed, whatever it was called, nothing is asked and nothing stands in the way."""
    answer = ask(cloudformation, "Delete", PhysicalResourceId=known)
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == known
    assert registry.requests == []


def test_handler__keeps_the_resource_when_an_update_fails(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """Another id would have CloudFormation delete the former resource."""
    registry.script = [Answer.of(500, {})]
    answer = ask(cloudformation, "Update", PhysicalResourceId="former-value")
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "former-value")
    assert "HTTP 500" in answer["Reason"]


def test_handler__answers_before_its_time_is_over(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """A registry that takes longer than the function has fails the deployment and does not hang it."""
    registry.script = [Answer(200, b"{}", delay=1)]
    answer = ask(cloudformation, milliseconds=int(registration.ANSWER_SECONDS * 1000) + 100)
    assert answer["Status"] == "FAILED"
    assert "pin the id of the schema with Schema=id:NUMBER (for Glue, Schema=id:UUID)" in answer["Reason"]


def test_handler__answers_to_what_nobody_expected(
    cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of any kind is an answer; its text, which may hold anything, is for the log."""

    def fail() -> None:
        raise RuntimeError("hidden")

    monkeypatch.setattr(registration, "_register", fail)
    answer = ask(cloudformation)
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "RuntimeError: see the function's log.")


def test_handler__names_wrong_settings(cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing in the environment is in the stack's events."""
    monkeypatch.delenv("SCHEMA_REGISTRY", raising=False)
    assert "(SCHEMA_REGISTRY) is missing" in ask(cloudformation)["Reason"]


def test_handler__answers_until_it_is_heard(
    registry: ScriptedServer, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is not accepted is sent again, at last by a new invocation."""
    monkeypatch.setattr(registration, "_PAUSES", (0.0, 0.0, 0.0))
    registry.script = [Answer.of(200, {"id": 12, "version": 3})]
    cloudformation.script = [Answer(503, b""), Answer(500, b""), TAKEN]
    assert ask(cloudformation)["Status"] == "SUCCESS"
    cloudformation.script = [Answer(403, b"")]
    with pytest.raises(Undelivered, match=r"not accept its answer .HTTP 403.: check the network path to S3") as raised:
        ask(cloudformation)
    assert "hidden" not in str(raised.value)


def test_handler__keeps_its_time_where_the_answer_finds_no_address() -> None:
    """A name that hangs does not use up the function's time: an error says that CloudFormation has no answer."""
    event = {"RequestType": "Delete", "ResponseURL": "https://s3.invalid/?signature=hidden"}
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"did not accept its answer .TimeoutError.") as raised:
            registration.handler(event, FakeContext(1500))  # type: ignore[arg-type]  # the part that is used
        assert not ended.is_set()
    assert "hidden" not in str(raised.value)
