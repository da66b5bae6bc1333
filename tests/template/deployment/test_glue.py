"""Deployments with AWS Glue as the registry: registration, pinned ids, look-ups and errors."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.errors import LocalError
from tests.support.topics import wait_for_topic
from tests.template.deployment.account import Account, to_table_arn

type GlueClient = Any
"""One of the many clients without types."""

REGISTRATION = ("GetSchemaByDefinition", "GetSchemaVersion", "RegisterSchemaVersion", "CreateSchema")


@pytest.fixture
def glue(account: Account) -> GlueClient:
    """Create a client of Glue."""
    return account.client("glue")


def make_prefix(version_id: str) -> bytes:
    """Make the prefix that AWS's deserializers expect before an event."""
    return b"\x03\x00" + UUID(version_id).bytes


def test_glue__is_called_only_by_the_registration(
    account: Account, glue: GlueClient, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The deployment creates the schema. The function gets its UUID, and publishes without calling Glue."""
    name = topic()
    remove("glue")
    ((table, stream),) = account.make_tables(1).items()
    parameters = {"TopicName": name, "TableArns": to_table_arn(stream), "SchemaRegistry": "glue"}
    made = account.deploy_with("glue", [stream], parameters)
    place = {"RegistryName": "default-registry", "SchemaName": name}
    version = glue.get_schema_version(SchemaId=place, SchemaVersionNumber={"LatestVersion": True})
    assert version["SchemaDefinition"] == SHIPPED_SCHEMA
    assert glue.get_schema(SchemaId=place)["Compatibility"] == "FULL_ALL"
    variables = account.read_function(made.function)["Environment"]["Variables"]
    assert (variables["SCHEMA_REGISTRY"], variables["SCHEMA_ID"]) == ("", version["SchemaVersionId"])
    assert made.outputs["RegisteredSchemaId"] == version["SchemaVersionId"]
    again = account.deploy("glue", parameters | {"LogLevel": "DEBUG"})
    assert again.outputs["RegisteredSchemaId"] == version["SchemaVersionId"]

    glue.delete_schema(SchemaId=place)
    account.put(table, "device_id", "d-1")
    (event,) = wait_for_topic(account.stack.kafka, name, 1)
    assert event.value[:18] == make_prefix(version["SchemaVersionId"])
    report = account.check("glue")
    assert report["ok"] is True
    assert f"id {version['SchemaVersionId']} is pinned" in str(report["checks"])
    assert account.calls.read_actions("glue-registration") == {f"glue:{operation}" for operation in REGISTRATION}
    assert account.calls.read_actions("glue") == {"s3:PutObject"}


def test_schema__is_looked_up_at_the_start_of_the_function(
    account: Account, glue: GlueClient, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """Without registration, the check reports the missing schema. Later it finds it by its definition or number."""
    name = topic()
    remove("glue-looked-up")
    registry = glue.create_registry(RegistryName="looked.up")["RegistryArn"]
    ((table, stream),) = account.make_tables(1).items()
    parameters = {"TopicName": name, "TableArns": to_table_arn(stream), "SchemaRegistry": registry, "Schema": "look-up"}
    account.deploy_with("glue-looked-up", [stream], parameters)
    assert find(account.check("glue-looked-up"), "schema")["detail"].startswith(
        f"feature_trigger.avsc is not an AVAILABLE version of schema {name} in the Glue registry looked.up: check "
    )

    created = glue.create_schema(
        RegistryId={"RegistryArn": registry},
        SchemaName=name,
        DataFormat="AVRO",
        Compatibility="FULL_ALL",
        SchemaDefinition=SHIPPED_SCHEMA,
    )
    found = f"id {created['SchemaVersionId']} under {name}"
    assert find(account.check("glue-looked-up"), "schema") == {
        "name": "schema",
        "ok": True,
        "status": "ok",
        "detail": found,
    }
    account.put(table, "device_id", "d-1")
    (event,) = wait_for_topic(account.stack.kafka, name, 1)
    assert event.value[:18] == make_prefix(created["SchemaVersionId"])

    account.deploy("glue-looked-up", parameters | {"Schema": "version:2"})
    assert "there is no version 2 of schema" in find(account.check("glue-looked-up"), "schema")["detail"]
    account.deploy("glue-looked-up", parameters | {"Schema": "version:1"})
    assert find(account.check("glue-looked-up"), "schema")["detail"] == found
    assert account.calls.read_actions("glue-looked-up") >= {"glue:GetSchemaByDefinition", "glue:GetSchemaVersion"}


def test_missing_registry__fails_the_deployment(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The error names the registry."""
    remove("glue-absent")
    registry = "arn:aws:glue:us-east-1:123456789012:registry/absent"
    with pytest.raises(
        LocalError,
        match=r"SchemaRegistration .*CREATE_FAILED: schema .* in the Glue registry absent cannot be created .*: create",
    ):
        account.deploy("glue-absent", {"TopicName": topic(), "SchemaRegistry": registry})


def find(report: Any, name: str) -> Any:  # noqa: ANN401 -- JSON
    """Return the result of one check."""
    (result,) = [each for each in report["checks"] if each["name"] == name]
    return result
