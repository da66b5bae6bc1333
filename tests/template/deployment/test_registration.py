"""Deployments register changes of the schema."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.artefacts import Artefacts
from local.errors import LocalError
from local.servers.loopback import put_json
from tests.support.web_client import read_json
from tests.template.deployment.account import Account
from tests.template.deployment.changes import TemplateSource

SCHEMA = Path("feature_events") / "events" / "feature_trigger.avsc"


@pytest.fixture
def schema(
    artefacts: Artefacts, package: Callable[[Path], TemplateSource]
) -> Iterator[Callable[[dict[str, Any]], TemplateSource]]:
    """Return a function that adds a field to the schema in a copy of the application, and packages the copy."""
    copy = artefacts.template.parent.with_name("changed-schema")
    shutil.copytree(artefacts.template.parent, copy)

    def add(field: dict[str, Any]) -> TemplateSource:
        for function in ("FeatureEventsFunction", "RedriveFunction", "RegistrationFunction"):
            file = copy / function / SCHEMA
            changed = json.loads(file.read_text())
            changed["fields"].append(field)
            file.write_text(json.dumps(changed))
        return package(copy / "template.yaml")

    yield add
    shutil.rmtree(copy)


def test_registration__registers_a_changed_schema(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    schema: Callable[[dict[str, Any]], TemplateSource],
) -> None:
    """The next deployment registers a compatible change. An incompatible change fails the deployment."""
    name = topic()
    remove("registration")
    versions = f"{account.stack.registry}/subjects/{name}-value/versions"
    parameters = {"TopicName": name}
    first = account.deploy("registration", parameters)
    assert read_json(versions) == [1]

    second = account.deploy("registration", parameters, schema({"name": "note", "type": "string", "default": ""}))
    assert read_json(versions) == [1, 2]
    assert second.outputs["RegisteredSchemaId"] != first.outputs["RegisteredSchemaId"]
    variables = account.read_function(second.function)["Environment"]["Variables"]
    assert variables["SCHEMA_ID"] == second.outputs["RegisteredSchemaId"]

    incompatible = schema({"name": "must", "type": "string"})
    with pytest.raises(
        LocalError, match=r"SchemaRegistration \(Custom::SchemaRegistration\) UPDATE_FAILED: \S+ breaks consumers"
    ):
        account.deploy("registration", parameters, incompatible)
    events = account.stack.clients.cloudformation.describe_stack_events(StackName="registration")["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"]]
    assert [reason for reason in reasons if "must is not written" in reason] != []
    assert read_json(versions) == [1, 2]


def test_registration__registers_another_schema_file(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The functions use the id of the new SchemaFile. The former file gets its former id."""
    name = topic()
    remove("schema-file")
    parameters = {"TopicName": name}
    found = []
    for file in ("feature_trigger.avsc", "feature_trigger_v2.avsc", "feature_trigger.avsc"):
        made = account.deploy("schema-file", parameters | {"SchemaFile": file})
        variables = account.read_function(made.function)["Environment"]["Variables"]
        assert variables["SCHEMA_FILE"] == file
        found.append((variables["SCHEMA_ID"], read_json(f"{account.stack.registry}/subjects/{name}-value/versions")))
    (first, one), (second, two), (third, three) = found
    assert (one, two, three) == ([1], [1, 2], [1, 2])
    assert (first == third, first == second) == (True, False)


def test_registration__protects_readers_if_the_registry_checks_nothing(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The subject's compatibility is NONE, and readers of an earlier version need another field."""
    name = topic()
    remove("breaking")
    subject = f"{name}-value"
    put_json(f"{account.stack.registry}/config/{subject}", b'{"compatibility": "NONE"}')
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    versions = f"{account.stack.registry}/subjects/{subject}/versions"
    requests.post(versions, json={"schema": json.dumps(former)}, timeout=10).raise_for_status()
    reason = (
        "Consumers with version 1 cannot read events of feature_trigger.avsc: note is not written and has no default"
    )
    with pytest.raises(LocalError, match=reason):
        account.deploy("breaking", {"TopicName": name})
    assert read_json(versions) == [1]
