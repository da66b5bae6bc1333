"""The schema is registered as it changes, while the stack is deployed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from feature_events.events.schema import SHIPPED_SCHEMA
from local.errors import LocalError
from local.servers.loopback import put_json
from tests.support.web_client import read_json
from tests.template.deployment.account import Account

SCHEMA = Path("feature_events") / "events" / "feature_trigger.avsc"


@pytest.fixture
def schema(account: Account) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Adds a field to the schema in what was built, and takes it out again afterwards."""
    built = [
        account.stack.directory / "build" / function / SCHEMA
        for function in ("FeatureEventsFunction", "RedriveFunction", "RegistrationFunction")
    ]
    shipped: dict[Path, str] = {}

    def add(field: dict[str, Any]) -> None:
        for file in built:
            changed = json.loads(shipped.setdefault(file, file.read_text()))
            changed["fields"].append(field)
            file.write_text(json.dumps(changed))

    yield add
    for file, text in shipped.items():
        file.write_text(text)


def test_registration__follows_the_schema(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None], schema: Callable[[dict[str, Any]], None]
) -> None:
    """A compatible change of the schema is registered by the next deployment; an incompatible one fails it."""
    name = topic()
    remove("registration")
    versions = f"{account.stack.registry}/subjects/{name}-value/versions"
    parameters = {"TopicName": name}
    first = account.deploy("registration", parameters)
    assert read_json(versions) == [1]

    schema({"name": "note", "type": "string", "default": ""})
    second = account.deploy("registration", parameters)
    assert read_json(versions) == [1, 2]
    assert second.outputs["RegisteredSchemaId"] != first.outputs["RegisteredSchemaId"]
    variables = account.read_function(second.function)["Environment"]["Variables"]
    assert variables["SCHEMA_ID"] == second.outputs["RegisteredSchemaId"]

    schema({"name": "must", "type": "string"})
    with pytest.raises(
        LocalError, match=r"SchemaRegistration \(Custom::SchemaRegistration\) UPDATE_FAILED: \S+ breaks consumers"
    ):
        account.deploy("registration", parameters)
    events = account.stack.clients.cloudformation.describe_stack_events(StackName="registration")["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"]]
    assert [reason for reason in reasons if "must is not written" in reason] != []
    assert read_json(versions) == [1, 2]


def test_registration__follows_the_parameter(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """Another SchemaFile is registered, and the functions write with it; the former one has its id again."""
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


def test_registration__breaks_no_reader_whatever_the_registry_allows(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """A subject that is set to check nothing has a version whose readers need another field: the deployment says so."""
    name = topic()
    remove("breaking")
    subject = f"{name}-value"
    put_json(f"{account.stack.registry}/config/{subject}", b'{"compatibility": "NONE"}')
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    versions = f"{account.stack.registry}/subjects/{subject}/versions"
    requests.post(versions, json={"schema": json.dumps(former)}, timeout=10).raise_for_status()
    reason = "Consumers with version 1 cannot read its events: note is not written and has no default"
    with pytest.raises(LocalError, match=reason):
        account.deploy("breaking", {"TopicName": name})
    assert read_json(versions) == [1]
