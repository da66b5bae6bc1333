"""CloudFormation gets a response in every case, in time and without secrets."""

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
ACCEPTED = Answer(200, b"")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Run a scripted registry."""
    with run_scripted_server() as running:
        for name in ("TOPIC_NAME", "SCHEMA_ID", "SCHEMA_FILE", "KAFKA_BROKER_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("SCHEMA_REGISTRY", running.url)
        yield running


@pytest.fixture
def cloudformation() -> Iterator[ScriptedServer]:
    """Run the server for CloudFormation's responses."""
    with run_scripted_server() as running:
        running.script = [ACCEPTED]
        yield running


def respond(cloudformation: ScriptedServer, kind: str = "Create", *, milliseconds: int = 60_000, **more: str) -> Any:  # noqa: ANN401
    """Return the response to a request of this kind."""
    event = {"RequestType": kind, "ResponseURL": f"{cloudformation.url}/?signature=hidden", **more}
    registration.handler(event, FakeContext(milliseconds))  # type: ignore[arg-type]  # has the method that is used
    return cloudformation.requests[-1].body


def test_handler__responds_with_id_and_version(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """A registered schema is found. The response has the form of CloudFormation and the content type of its URL."""
    registry.script = [Answer.of(200, {"id": 12, "version": 3})]
    assert respond(cloudformation) == {
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


def test_handler__responds_with_the_registrys_reasons(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """The reasons of a compatibility check are shortened to fit. The schema is not registered."""
    messages = ["READER_FIELD_MISSING_DEFAULT_VALUE: note", "xxx" + "é" * 9000]
    registry.script = [ABSENT, Answer.of(200, {"is_compatible": False, "messages": messages})]
    response = respond(cloudformation)
    assert response["Status"] == "FAILED"
    assert "reason: READER_FIELD_MISSING_DEFAULT_VALUE: note; xxx" in response["Reason"]
    assert len(json.dumps(response).encode()) < 4096
    assert [request.path.rpartition("/")[2] for request in registry.requests] == [SUBJECT, "latest?verbose=true"]


def test_handler__registers_in_an_empty_subject(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """Without versions, every schema is compatible."""
    found = Answer.of(200, {"id": 1, "version": 1})
    registry.script = [ABSENT, ABSENT, ABSENT, Answer.of(200, {"id": 1}), found]
    assert respond(cloudformation, "Update")["Data"] == {"SchemaId": "1", "SchemaVersion": "1"}


def test_handler__responds_with_glues_uuid(cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Glue the schema has the topic's name. Its id is a UUID, and Glue does not report the version's number."""
    monkeypatch.setenv("SCHEMA_REGISTRY", "glue")
    monkeypatch.delenv("SCHEMA_ID", raising=False)
    with in_memory():
        response = respond(cloudformation)
    assert (response["Status"], response["PhysicalResourceId"]) == ("SUCCESS", "FEATURE_AVAILABILITY_EVENTS")
    assert response["Data"] == {"SchemaId": str(UUID(response["Data"]["SchemaId"])), "SchemaVersion": ""}


COMPATIBLE = Answer.of(200, {"is_compatible": True})
VERSION_1 = Answer.of(200, {"id": 1, "version": 1, "schema": SHIPPED_SCHEMA})


def test_handler__registers_the_schema_in_the_settings(
    registry: ScriptedServer, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is compared with each version of the subject, then registered."""
    monkeypatch.setenv("SCHEMA_FILE", "feature_trigger_v2.avsc")
    found = Answer.of(200, {"id": 2, "version": 2})
    versions = [Answer.of(200, [1, 3]), VERSION_1, VERSION_1]
    registry.script = [ABSENT, COMPATIBLE, *versions, Answer.of(200, {"id": 2}), found]
    assert respond(cloudformation)["Data"] == {"SchemaId": "2", "SchemaVersion": "2"}
    paths = [request.path.rpartition(f"{SUBJECT}")[2] for request in registry.requests]
    paths[3:5] = sorted(paths[3:5])  # versions are read concurrently
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


def test_handler__does_not_register_a_schema_that_breaks_consumers(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """The comparison with the subject's versions refuses it even if the registry accepts it."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    version = Answer.of(200, {"id": 1, "version": 1, "schema": json.dumps(former)})
    registry.script = [ABSENT, COMPATIBLE, Answer.of(200, [1]), version]
    response = respond(cloudformation)
    assert response["Status"] == "FAILED"
    assert (
        "Consumers with version 1 cannot read events of feature_trigger.avsc: note is not written and has no default"
        in response["Reason"]
    )
    assert [request.method for request in registry.requests if request.path.endswith("/versions")] == ["GET"]


def test_handler__registers_in_an_absent_subject_that_the_registry_accepts(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """Some registries report compatibility with an absent subject."""
    found = Answer.of(200, {"id": 1, "version": 1})
    registry.script = [ABSENT, COMPATIBLE, ABSENT, Answer.of(200, {"id": 1}), found]
    assert respond(cloudformation)["Data"] == {"SchemaId": "1", "SchemaVersion": "1"}


@pytest.mark.parametrize("known", [SUBJECT, "2026/11/24/[$LATEST]stream"])
def test_handler__does_nothing_on_delete(registry: ScriptedServer, cloudformation: ScriptedServer, known: str) -> None:
    """The registry gets no request, even after a failed Create with any resource id."""
    response = respond(cloudformation, "Delete", PhysicalResourceId=known)
    assert response["Status"] == "SUCCESS"
    assert response["PhysicalResourceId"] == known
    assert registry.requests == []


def test_handler__keeps_the_resource_id_if_an_update_fails(
    registry: ScriptedServer, cloudformation: ScriptedServer
) -> None:
    """With another id, CloudFormation would delete the old resource."""
    registry.script = [Answer.of(500, {})]
    response = respond(cloudformation, "Update", PhysicalResourceId="former-value")
    assert (response["Status"], response["PhysicalResourceId"]) == ("FAILED", "former-value")
    assert "HTTP 500" in response["Reason"]


def test_handler__responds_before_its_timeout(registry: ScriptedServer, cloudformation: ScriptedServer) -> None:
    """A slow registry fails the deployment instead of blocking it."""
    registry.script = [Answer(200, b"{}", delay=1)]
    response = respond(cloudformation, milliseconds=int(registration.RESPONSE_SECONDS * 1000) + 100)
    assert response["Status"] == "FAILED"
    assert "pin the id of the schema with Schema=id:NUMBER (for Glue, Schema=id:UUID)" in response["Reason"]


def test_handler__responds_to_an_unexpected_error(
    cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error's text may contain secrets, so it is only logged."""

    def fail() -> None:
        raise RuntimeError("hidden")

    monkeypatch.setattr(registration, "_register", fail)
    response = respond(cloudformation)
    assert (response["Status"], response["Reason"]) == ("FAILED", "RuntimeError: see the function's log.")


def test_handler__names_invalid_settings(cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing setting appears in the stack's events."""
    monkeypatch.delenv("SCHEMA_REGISTRY", raising=False)
    assert "(SCHEMA_REGISTRY) is missing" in respond(cloudformation)["Reason"]


def test_handler__retries_until_the_response_is_accepted(
    registry: ScriptedServer, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After several attempts, the invocation fails, and Lambda retries it."""
    monkeypatch.setattr(registration, "_PAUSES", (0.0, 0.0, 0.0))
    registry.script = [Answer.of(200, {"id": 12, "version": 3})]
    cloudformation.script = [Answer(503, b""), Answer(500, b""), ACCEPTED]
    assert respond(cloudformation)["Status"] == "SUCCESS"
    cloudformation.script = [Answer(403, b"")]
    with pytest.raises(
        Undelivered, match=r"did not receive the response .HTTP 403.: check the network path to S3"
    ) as raised:
        respond(cloudformation)
    assert "hidden" not in str(raised.value)


def test_handler__does_not_wait_for_the_resolver() -> None:
    """A slow resolver does not use up the function's time, and the error is reported."""
    event = {"RequestType": "Delete", "ResponseURL": "https://s3.invalid/?signature=hidden"}
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"did not receive the response .TimeoutError.") as raised:
            registration.handler(event, FakeContext(1500))  # type: ignore[arg-type]  # has the method that is used
        assert not ended.is_set()
    assert "hidden" not in str(raised.value)
