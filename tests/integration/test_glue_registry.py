"""AWS Glue is asked for the topic's schema: who registers it, finds it, and in which registry."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto import mock_aws

from feature_events.errors import Misconfigured
from feature_events.events.schema import SCHEMA_FILES, SHIPPED_SCHEMA, Schema, read_shipped_schema
from feature_events.registries.schema import find_schema, register_schema
from tests.support.glue import GLUE_ARN, TOPIC, set_region, to_glue_settings

VERSION_2 = read_shipped_schema(SCHEMA_FILES[1])
LONG = 20.0


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a function."""
    set_region(monkeypatch)


@pytest.fixture
def account() -> Iterator[Any]:
    """An empty account, by a client of its Glue."""
    with mock_aws():
        yield boto3.client("glue")


def test_register_schema__creates_and_finds(account: Any) -> None:  # noqa: ANN401
    """A schema that is not there is created with the chosen compatibility; it keeps its UUID ever after."""
    settings = to_glue_settings(GLUE_COMPATIBILITY="BACKWARD")
    registered = register_schema(settings)
    assert register_schema(settings) == registered
    assert find_schema(settings, LONG) == Schema(registered.id, SHIPPED_SCHEMA)
    made = account.get_schema(SchemaId={"RegistryName": "default-registry", "SchemaName": TOPIC})
    assert (made["Compatibility"], made["DataFormat"], made["LatestSchemaVersion"]) == ("BACKWARD", "AVRO", 1)


def test_register_schema__adds_a_version(account: Any) -> None:  # noqa: ANN401
    """A schema that is there gets the shipped one as a version, and keeps its compatibility."""
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=VERSION_2)
    registered = register_schema(to_glue_settings())
    latest = account.get_schema_version(SchemaId=place, SchemaVersionNumber={"LatestVersion": True})
    assert (latest["SchemaVersionId"], latest["VersionNumber"]) == (str(registered.id), 2)
    assert account.get_schema(SchemaId=place)["Compatibility"] == "NONE"


def test_register_schema__registers_what_is_asked_for(account: Any) -> None:  # noqa: ANN401
    """SCHEMA_FILE names it; each of both goes well with the other."""
    first, second = (register_schema(to_glue_settings(SCHEMA_FILE=file)) for file in SCHEMA_FILES)
    assert first.id != second.id
    assert find_schema(to_glue_settings(SCHEMA_FILE=SCHEMA_FILES[1]), LONG) == Schema(second.id, VERSION_2)
    assert account.get_schema_version(SchemaVersionId=str(second.id))["SchemaDefinition"] == VERSION_2


def test_register_schema__breaks_no_reader_whatever_glue_allows(account: Any) -> None:  # noqa: ANN401
    """Every version counts, and not only the latest, which is the shipped one's like."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(
        SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(former)
    )
    account.register_schema_version(SchemaId=place, SchemaDefinition=VERSION_2)
    with pytest.raises(Misconfigured, match="With version 1, its events cannot be read: note is not written"):
        register_schema(to_glue_settings())
    assert account.get_schema(SchemaId=place)["LatestSchemaVersion"] == 2


def test_register_schema__knows_what_takes_no_more_versions(account: Any) -> None:  # noqa: ANN401
    """A schema with DISABLED refuses each further version, and the one that it has is found all the same."""
    registered = register_schema(to_glue_settings(GLUE_COMPATIBILITY="DISABLED"))
    assert find_schema(to_glue_settings(AUTO_REGISTER_SCHEMAS="true"), LONG).id == registered.id
    account.create_schema(SchemaName="other", DataFormat="AVRO", Compatibility="DISABLED", SchemaDefinition=VERSION_2)
    with pytest.raises(Misconfigured, match=r"InvalidInputException: Compatibility DISABLED .*: change the schema or"):
        register_schema(to_glue_settings(TOPIC_NAME="other"))


def test_registry__is_that_of_the_arn(account: Any) -> None:  # noqa: ANN401
    """The region and the name are the ARN's, not the function's."""
    there = boto3.client("glue", region_name="eu-west-1")
    there.create_registry(RegistryName="events.v1")
    registered = register_schema(to_glue_settings(GLUE_ARN))
    found = there.get_schema_version(SchemaVersionId=str(registered.id))
    assert found["SchemaArn"] == f"arn:aws:glue:eu-west-1:123456789012:schema/events.v1/{TOPIC}"
    assert account.list_registries()["Registries"] == []


def test_registry__must_be_there(account: Any) -> None:  # noqa: ANN401
    """A registry that is not there is named, and only Glue's own default one is made."""
    with pytest.raises(
        Misconfigured, match=rf"{TOPIC} in the Glue registry events.v1 cannot be created .*: create the"
    ):
        register_schema(to_glue_settings(GLUE_ARN))
    with pytest.raises(Misconfigured, match=r"check SchemaRegistry .SCHEMA_REGISTRY., or register it there"):
        find_schema(to_glue_settings(GLUE_ARN), LONG)
    assert account.list_registries()["Registries"] == []


@pytest.mark.parametrize("version", ["latest", "2"])
def test_find_schema__takes_a_version(account: Any, version: str) -> None:  # noqa: ANN401
    """With SCHEMA_VERSION the registry's text counts, not ours."""
    register_schema(to_glue_settings())
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    added = account.register_schema_version(SchemaId=place, SchemaDefinition='"string"')
    found = find_schema(to_glue_settings(SCHEMA_VERSION=version), LONG)
    assert found == Schema(UUID(added["SchemaVersionId"]), '"string"')
    with pytest.raises(Misconfigured, match=rf"there is no version 3 of schema {TOPIC} in the Glue registry default-"):
        find_schema(to_glue_settings(SCHEMA_VERSION="3"), LONG)
