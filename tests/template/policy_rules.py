"""Finds in an expanded template what IAM would refuse of its policies."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.template.account_rules import measure, read_resources
from tests.template.document import Template, to_members


def _read_role_policies(template: Template) -> Iterator[tuple[str, str, Any]]:
    """Role, policy name and document of every inline policy."""
    for role, properties in read_resources(template, "AWS::IAM::Role"):
        for policy in properties.get("Policies", []):
            yield role, policy["PolicyName"], policy["PolicyDocument"]


def _read_documents(template: Template) -> Iterator[tuple[str, Any]]:
    for role, policy, document in _read_role_policies(template):
        yield f"{role} {policy}", document
    for name, properties in read_resources(template, "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy"):
        yield name, properties["PolicyDocument"]


def find_large_inline_policies(template: Template) -> Iterator[str]:
    """A role's inline policies together."""
    sizes: Counter[str] = Counter()
    for role, _, document in _read_role_policies(template):
        sizes[role] += measure(document)
    yield from (f"{role}: {size}" for role, size in sizes.items() if size > 10_240)


def find_large_managed_policies(template: Template) -> Iterator[str]:
    """A managed policy by itself."""
    for name, properties in read_resources(template, "AWS::IAM::ManagedPolicy"):
        if (size := measure(properties["PolicyDocument"])) > 6_144:
            yield f"{name}: {size}"


def find_crowded_roles(template: Template) -> Iterator[str]:
    """Managed policies of a role."""
    for role, properties in read_resources(template, "AWS::IAM::Role"):
        if len(properties.get("ManagedPolicyArns", [])) > 10:
            yield role


def find_empty_policies(template: Template) -> Iterator[str]:
    """A policy that lost its statements to conditions."""
    yield from (where for where, document in _read_documents(template) if not document["Statement"])


def find_odd_policy_names(template: Template) -> Iterator[str]:
    """The name of an inline policy."""
    for role, name, _ in _read_role_policies(template):
        if not re.fullmatch(r"[\w+=,.@-]{1,128}", str(name), re.ASCII):
            yield f"{role}: {name}"


def find_same_policy_names(template: Template) -> Iterator[str]:
    """A role knows its inline policies by their names: a second of one name overwrites the first."""
    names = Counter((role, str(name)) for role, name, _ in _read_role_policies(template))
    yield from (f"{role}: {name}" for (role, name), number in names.items() if number > 1)


def find_odd_statement_names(template: Template) -> Iterator[str]:
    """A statement's name."""
    for where, document in _read_documents(template):
        names = Counter(each["Sid"] for each in document["Statement"])
        for name, number in names.items():
            if not re.fullmatch(r"[A-Za-z0-9]+", name) or number > 1:
                yield f"{where}: {name}"


def find_empty_statements(template: Template) -> Iterator[str]:
    """A list that lost its members to conditions."""
    for where, document in _read_documents(template):
        for statement in document["Statement"]:
            if not all(to_members(statement[part]) for part in ("Action", "Resource")):
                yield f"{where}: {statement['Sid']}"
