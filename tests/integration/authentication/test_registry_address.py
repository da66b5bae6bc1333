"""With a mistyped base URL of a real registry, nothing counts as absent, and nothing is registered."""

import json
from uuid import uuid4

import pytest

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.registries.registry import Registered
from feature_events.registries.schema import find_schema, make_registry
from feature_events.settings.settings import Settings, read_settings
from tests.support.web_client import read_json

LONG = 60.0
RIGHT = "/apis/ccompat/v7"
WRONG = [
    "",
    "/apis",
    "/apis/ccompat",
    "/apis/ccompat/v6",
    "/apis/ccompat/v9",
    "/apis/ccompat/V7",
    "/apis/ccompat//v7",
    "/apis/ccompat/v7/schemas",
    "/apis/ccompat/v7/subjects",
    "/apis/ccompat/v7/subjects/topic-value",
    "/apis/ccompat/v7/subjects/topic-value/versions",
    "/apis/ccompat/v7/compatibility",
    "/apis/ccompat/v7/config",
    "/apis/registry/v2",
    "/apis/registry/v3",
    "/ui",
]


def to_settings(registry: str, path: str, topic: str, **environ: str) -> Settings:
    """Create settings with this path of the registry."""
    url = f"{registry.removesuffix(RIGHT)}{path}"
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": url, "TOPIC_NAME": topic, **environ})


@pytest.mark.parametrize("path", WRONG)
def test_find_schema__explains_a_wrong_base_url(registry: str, path: str) -> None:
    """This applies to each way to find the schema, and to registration.

    Reported for Apicurio (https://github.com/Apicurio/apicurio-registry/issues/2889) and for Redpanda's console
    (https://github.com/redpanda-data/console/issues/157).
    """
    topic = f"topic-{uuid4().hex}"
    text = r"HTTP 40[45]: check that SchemaRegistry \(SCHEMA_REGISTRY\) is the base URL .*/apis/ccompat/v7"
    for environ in ({}, {"SCHEMA_VERSION": "latest"}, {"SCHEMA_VERSION": "1"}, {"AUTO_REGISTER_SCHEMAS": "true"}):
        with pytest.raises(Misconfigured, match=text):
            find_schema(to_settings(registry, path, topic, **environ), LONG)
    with pytest.raises(Misconfigured, match=text):
        make_registry(to_settings(registry, path, topic)).ensure_registered()
    subjects = read_json(f"{registry}/subjects")
    assert isinstance(subjects, list)
    assert [subject for subject in subjects if topic in subject or subject == "topic-value"] == []


def test_find_schema__distinguishes_absent_schemas(registry: str) -> None:
    """With the right URL, each absence has its own message, and the first version is registered."""
    topic = f"topic-{uuid4().hex}"
    with pytest.raises(Misconfigured, match="is not registered under subject"):
        find_schema(to_settings(registry, RIGHT, topic), LONG)
    with pytest.raises(Misconfigured, match="no version latest of subject"):
        find_schema(to_settings(registry, RIGHT, topic, SCHEMA_VERSION="latest"), LONG)
    registered = make_registry(to_settings(registry, RIGHT, topic)).ensure_registered()
    assert registered.version == 1
    with pytest.raises(Misconfigured, match="no version 7 of subject"):
        find_schema(to_settings(registry, RIGHT, topic, SCHEMA_VERSION="7"), LONG)
    found = find_schema(to_settings(registry, RIGHT, topic, SCHEMA_VERSION="latest"), LONG)
    assert (registered, json.loads(found.text)) == (Registered(found.id, 1), json.loads(SHIPPED_SCHEMA))
