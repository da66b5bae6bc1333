"""The preflight check asks Glue by the call itself, and registers nothing."""

import json

import boto3
import pytest

from feature_events.aws.secret import OAuthClient
from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.preflight.http import token_stages
from feature_events.preflight.registry import registry_stages
from feature_events.registries.confluent_client import REGISTRY_SETTINGS
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings
from tests.support.failures import in_memory

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
VERSION = "11111111-2222-3333-4444-555555555555"


def to_settings(**environ: str) -> Settings:
    """Settings with Glue for the registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": "glue", **environ})


def test_probe__says_who_will_register() -> None:
    """Where the first start is to register, the check before it says so and leaves it to that."""
    settings = to_settings(AUTO_REGISTER_SCHEMAS="true")
    [[probe]] = registry_stages(settings)
    with in_memory():
        assert probe.find() == f"not registered under {TOPIC}; the first batch will register it"
        assert boto3.client("glue").list_registries()["Registries"] == []
        found = find_schema(settings, 20.0)
        assert probe.find() == f"id {found.id} under {TOPIC}"


def test_probe__finds_a_schema_that_would_break_a_reader() -> None:
    """What the first start would not register is told before it, with the field's name."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    [[probe]] = registry_stages(to_settings(AUTO_REGISTER_SCHEMAS="true"))
    with in_memory():
        boto3.client("glue").create_schema(
            SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(former)
        )
        with pytest.raises(Misconfigured, match="Consumers with version 1 cannot read its events: note is not written"):
            probe.find()


def test_probe__asks_nobody_with_a_pinned_id() -> None:
    """A pinned UUID is enough, without any account."""
    [[probe]] = registry_stages(to_settings(SCHEMA_ID=VERSION))
    assert probe.find() == f"id {VERSION} is pinned, so the registry is not asked"


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize(
    ("environ", "is_direct"),
    [
        ({}, True),
        ({"HTTPS_PROXY": "http://proxy:3128"}, False),
        ({"all_proxy": "proxy:3128"}, False),
        ({"HTTP_PROXY": "http://proxy:3128"}, True),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".internal"}, True),
    ],
)
def test_probes__of_the_network_are_for_a_direct_connection(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, is_direct: bool
) -> None:
    """Behind a proxy the name of a server need not resolve, so a working function would fail its check."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = to_settings(SCHEMA_REGISTRY="https://registry.internal")
    client = OAuthClient("c", "s", "https://idp.internal/token")
    for stages, host, last in (
        (registry_stages(settings), "registry.internal", "schema"),
        (token_stages("token", client, None, REGISTRY_SETTINGS, "CA"), "idp.internal", "token"),
    ):
        path = [f"DNS {host}", f"TCP {host}:443", f"TLS {host}:443"] if is_direct else []
        assert [probe.name for stage in stages for probe in stage] == [*path, last]
        assert [*stages[-1][0].needs_one] == path[-1:]
