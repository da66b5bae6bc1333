"""The preflight check of the registry uses the registry, and registers nothing."""

import json

import boto3
import pytest

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.preflight.registry import make_registry_stages
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings
from tests.support.failures import in_memory

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
VERSION = "11111111-2222-3333-4444-555555555555"


def to_settings(**environ: str) -> Settings:
    """Return settings with Glue as the registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "glue", **environ})


def test_check__passes_if_the_function_will_register_the_schema() -> None:
    """With AUTO_REGISTER_SCHEMAS, the first start registers the schema, not the check."""
    settings = to_settings(AUTO_REGISTER_SCHEMAS="true")
    [[check]] = make_registry_stages(settings)
    with in_memory():
        assert check.run() == f"not registered under {TOPIC}; the first batch will register it"
        assert boto3.client("glue").list_registries()["Registries"] == []
        found = find_schema(settings, 20.0)
        assert check.run() == f"id {found.id} under {TOPIC}"


def test_check__fails_if_the_schema_would_break_a_reader() -> None:
    """The error names the field, as when the function refuses to register the schema."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    [[check]] = make_registry_stages(to_settings(AUTO_REGISTER_SCHEMAS="true"))
    with in_memory():
        boto3.client("glue").create_schema(
            SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(former)
        )
        with pytest.raises(
            Misconfigured,
            match=r"Consumers with version 1 cannot read events of feature_trigger.avsc: note is not written",
        ):
            check.run()


def test_check__fails_if_the_schema_cannot_express_a_removal() -> None:
    """The function would refuse the schema when it starts. Without removals, the schema is accepted."""
    schema = json.loads(SHIPPED_SCHEMA)
    kind = {"type": "enum", "name": "Change", "symbols": ["INSERT", "MODIFY"]}
    schema["fields"].append({"name": "change", "type": ["null", kind], "default": None})
    [[check], [check_removals]] = [
        make_registry_stages(to_settings(SCHEMA_VERSION="1", REMOVALS=removals))[0] for removals in ("none", "events")
    ]
    with in_memory():
        boto3.client("glue").create_schema(
            SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(schema)
        )
        assert str(check.run()).startswith("id ")
        with pytest.raises(Misconfigured, match=r"change \(string, or an enum .*, for Removals=events, REMOVE\)"):
            check_removals.run()


def test_check__does_not_use_the_registry_with_a_pinned_id() -> None:
    """A pinned id needs no access to Glue."""
    [[check]] = make_registry_stages(to_settings(SCHEMA_ID=VERSION))
    assert check.run() == f"id {VERSION} is pinned; the registry is not used"
