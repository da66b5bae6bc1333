"""What each role of the template may do, wherever its statements stand."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.template.document import Template, to_members

type Statement = Mapping[str, Any]

SENDERS = ("RedriveRole", "BackfillRole")
"""Roles of the functions that send events as the publisher does, but are fed by no stream."""


def read_statements(template: Template, *roles: str) -> Iterator[Statement]:
    """Every statement of these roles, or of all, those of policies that are resources of their own included."""
    resources = template["Resources"]
    for name, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role" and name in (roles or (name,)):
            shared = [resources[each["Ref"]]["Properties"] for each in properties["ManagedPolicyArns"]]
            for policy in [*properties["Policies"], *shared]:
                yield from policy["PolicyDocument"]["Statement"]
        if is_policy(resource) and any(role["Ref"] in (roles or (role["Ref"],)) for role in properties["Roles"]):
            yield from properties["PolicyDocument"]["Statement"]


def is_policy(resource: Mapping[str, Any]) -> bool:
    """Whether it is an inline policy that stands apart from its role, and is made under these parameters.

    The roles of the publisher and of the functions that a person starts have one for each existing stream, since a loop
    makes resources, and no list's members.
    """
    return resource["Type"] == "AWS::IAM::Policy" and bool(resource["Properties"]["Roles"])


def read_functions(template: Template) -> dict[str, str]:
    """Function -> its role."""
    functions = [
        (name, each["Properties"]) for name, each in template["Resources"].items() if "Lambda::Function" in each["Type"]
    ]
    return {name: properties["Role"]["Fn::GetAtt"][0] for name, properties in functions}


def read_resources(template: Template, role: str, action: str) -> list[Any]:
    """What a role may do this on."""
    statements = [each for each in read_statements(template, role) if action in to_members(each["Action"])]
    return [resource for each in statements for resource in to_members(each["Resource"])]
