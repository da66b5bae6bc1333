"""The topic's schema is registered and found in AWS Glue, in the registry of the settings."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto import mock_aws

from feature_events.errors import Misconfigured
from feature_events.events.schema import SCHEMA_FILES, SHIPPED_SCHEMA, Schema, read_shipped_schema
from feature_events.registries.schema import find_schema, make_registry
from tests.support.glue import GLUE_ARN, TOPIC, set_region, to_glue_settings

VERSION_2 = read_shipped_schema(SCHEMA_FILES[1])
LONG = 20.0


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a function."""
    set_region(monkeypatch)


@pytest.fixture
def account() -> Iterator[Any]:
    """Run an empty account, and return its Glue client."""
    with mock_aws():
        yield boto3.client("glue")


def test_ensure_registered__creates_and_finds_the_schema(account: Any) -> None:  # noqa: ANN401
    """An absent schema is created with the compatibility in the settings, and keeps its UUID."""
    settings = to_glue_settings(GLUE_COMPATIBILITY="BACKWARD")
    registered = make_registry(settings).ensure_registered()
    assert make_registry(settings).ensure_registered() == registered
    assert find_schema(settings, LONG) == Schema(registered.id, SHIPPED_SCHEMA)
    made = account.get_schema(SchemaId={"RegistryName": "default-registry", "SchemaName": TOPIC})
    assert (made["Compatibility"], made["DataFormat"], made["LatestSchemaVersion"]) == ("BACKWARD", "AVRO", 1)


def test_ensure_registered__adds_a_version(account: Any) -> None:  # noqa: ANN401
    """An existing schema gets the shipped one as a version, and keeps its compatibility."""
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=VERSION_2)
    registered = make_registry(to_glue_settings()).ensure_registered()
    latest = account.get_schema_version(SchemaId=place, SchemaVersionNumber={"LatestVersion": True})
    assert (latest["SchemaVersionId"], latest["VersionNumber"]) == (str(registered.id), 2)
    assert account.get_schema(SchemaId=place)["Compatibility"] == "NONE"


def test_ensure_registered__registers_the_schema_in_the_settings(account: Any) -> None:  # noqa: ANN401
    """SCHEMA_FILE selects it. The two schemas are compatible with each other."""
    first, second = (make_registry(to_glue_settings(SCHEMA_FILE=file)).ensure_registered() for file in SCHEMA_FILES)
    assert first.id != second.id
    assert find_schema(to_glue_settings(SCHEMA_FILE=SCHEMA_FILES[1]), LONG) == Schema(second.id, VERSION_2)
    assert account.get_schema_version(SchemaVersionId=str(second.id))["SchemaDefinition"] == VERSION_2


def test_ensure_registered__compares_even_if_glue_accepts(account: Any) -> None:  # noqa: ANN401
    """The schema is compared with every version, not only with the latest."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(
        SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(former)
    )
    account.register_schema_version(SchemaId=place, SchemaDefinition=VERSION_2)
    with pytest.raises(
        Misconfigured, match=r"Consumers with version 1 cannot read events of feature_trigger.avsc: note is not written"
    ):
        make_registry(to_glue_settings()).ensure_registered()
    assert account.get_schema(SchemaId=place)["LatestSchemaVersion"] == 2


def test_ensure_registered__finds_a_version_with_compatibility_disabled(account: Any) -> None:  # noqa: ANN401
    """A schema with DISABLED accepts no further versions, but the existing one is found."""
    registered = make_registry(to_glue_settings(GLUE_COMPATIBILITY="DISABLED")).ensure_registered()
    assert find_schema(to_glue_settings(AUTO_REGISTER_SCHEMAS="true"), LONG).id == registered.id
    account.create_schema(SchemaName="other", DataFormat="AVRO", Compatibility="DISABLED", SchemaDefinition=VERSION_2)
    with pytest.raises(Misconfigured, match=r"InvalidInputException: Compatibility DISABLED .*: change the schema or"):
        make_registry(to_glue_settings(TOPIC_NAME="other")).ensure_registered()


def test_registry__has_the_region_and_name_of_its_arn(account: Any) -> None:  # noqa: ANN401
    """The function's own region is not used."""
    other = boto3.client("glue", region_name="eu-west-1")
    other.create_registry(RegistryName="events.v1")
    registered = make_registry(to_glue_settings(GLUE_ARN)).ensure_registered()
    found = other.get_schema_version(SchemaVersionId=str(registered.id))
    assert found["SchemaArn"] == f"arn:aws:glue:eu-west-1:123456789012:schema/events.v1/{TOPIC}"
    assert account.list_registries()["Registries"] == []


def test_read_by_id__returns_the_schema_of_an_event(account: Any) -> None:  # noqa: ANN401
    """The version's UUID names the schema."""
    assert account
    registry = make_registry(to_glue_settings())
    registered = registry.ensure_registered()
    assert json.loads(registry.read_by_id(registered.id)) == json.loads(SHIPPED_SCHEMA)
    absent = UUID("b7b4a7f0-9c96-4e4a-a687-fb5de9ef0c63")
    with pytest.raises(Misconfigured, match=f"AWS Glue has no schema with id {absent}"):
        registry.read_by_id(absent)


def test_registry__must_exist(account: Any) -> None:  # noqa: ANN401
    """The error contains the missing registry. Only Glue's default registry is created."""
    with pytest.raises(
        Misconfigured, match=rf"{TOPIC} in the Glue registry events.v1 cannot be created .*: create the"
    ):
        make_registry(to_glue_settings(GLUE_ARN)).ensure_registered()
    with pytest.raises(Misconfigured, match=r"check SchemaRegistry .SCHEMA_REGISTRY., or register it there"):
        find_schema(to_glue_settings(GLUE_ARN), LONG)
    assert account.list_registries()["Registries"] == []


@pytest.mark.parametrize("version", ["latest", "2"])
def test_find_schema__reads_a_version(account: Any, version: str) -> None:  # noqa: ANN401
    """With SCHEMA_VERSION, the registry's text is used instead of the shipped one."""
    make_registry(to_glue_settings()).ensure_registered()
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    added = account.register_schema_version(SchemaId=place, SchemaDefinition='"string"')
    found = find_schema(to_glue_settings(SCHEMA_VERSION=version), LONG)
    assert found == Schema(UUID(added["SchemaVersionId"]), '"string"')
    with pytest.raises(Misconfigured, match=rf"there is no version 3 of schema {TOPIC} in the Glue registry default-"):
        find_schema(to_glue_settings(SCHEMA_VERSION="3"), LONG)
