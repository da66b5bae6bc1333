"""Whoever asks AWS Glue may do so for the one schema in the one registry, and nobody else."""

from typing import Any
from uuid import UUID

import pytest

from tests.template.document import EVERYTHING, GLUE_REGISTRY, REGISTRY, Parameters, Template, to_members, transform
from tests.template.roles import SENDERS, read_resources, read_statements

AT_RUN_TIME = {"SchemaRegistry": GLUE_REGISTRY, "RegisterSchema": "false"}
WRITES_TO_GLUE = ["glue:CreateSchema", "glue:RegisterSchemaVersion"]


def read_glue(template: Template, role: str) -> dict[str, list[Any]]:
    """What a role may do with Glue, and on what."""
    actions = {action for each in read_statements(template, role) for action in to_members(each["Action"])}
    return {each: read_resources(template, role, each) for each in sorted(actions) if each.startswith("glue:")}


@pytest.mark.parametrize("more", [{}, {"TopicName": "other.topic"}], ids=["default topic", "other topic"])
def test_glue__is_written_by_the_registration_alone(more: Parameters) -> None:
    """It registers one schema in one registry; the functions have the UUID, and ask nobody."""
    topic = more.get("TopicName", "FEATURE_AVAILABILITY_EVENTS")
    own = "arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:"
    default = [f"{own}registry/default-registry", f"{own}schema/default-registry/{topic}"]
    named = [GLUE_REGISTRY, f"{GLUE_REGISTRY.replace(':registry/', ':schema/')}/{topic}"]
    for registry, resources in (("glue", default), (GLUE_REGISTRY, named)):
        template = transform({"SchemaRegistry": registry, **more})
        actions = sorted([*WRITES_TO_GLUE, "glue:GetSchemaByDefinition", "glue:GetSchemaVersion"])
        assert read_glue(template, "RegistrationRole") == dict.fromkeys(actions, resources)
        for role in ("FunctionRole", *SENDERS):
            assert read_glue(template, role) == {}


@pytest.mark.parametrize(
    ("more", "actions"),
    [
        ({}, ["glue:GetSchemaByDefinition"]),
        ({"SchemaVersion": "latest"}, ["glue:GetSchemaVersion"]),
        (
            {"AutoRegisterSchemas": "true"},
            ["glue:GetSchemaByDefinition", "glue:GetSchemaVersion", *WRITES_TO_GLUE],
        ),
    ],
    ids=["looked up", "version", "registered"],
)
def test_glue__is_read_by_whoever_asks_it(more: Parameters, actions: list[str]) -> None:
    """Without registration the functions may do what they then ask, and write only where they are told to register."""
    template = transform({**AT_RUN_TIME, **more})
    resources = [GLUE_REGISTRY, f"{GLUE_REGISTRY.replace(':registry/', ':schema/')}/FEATURE_AVAILABILITY_EVENTS"]
    for role in ("FunctionRole", *SENDERS):
        assert read_glue(template, role) == dict.fromkeys(actions, resources)


def test_glue__is_not_asked_where_another_registry_is() -> None:
    """Neither a URL nor a pinned UUID needs Glue."""
    pinned = transform(AT_RUN_TIME | {"SchemaId": str(UUID(int=7))})
    for template in (transform({"SchemaRegistry": REGISTRY}), transform(EVERYTHING), pinned):
        for role in ("FunctionRole", *SENDERS):
            assert read_glue(template, role) == {}
    assert read_glue(transform(EVERYTHING), "RegistrationRole") == {}
