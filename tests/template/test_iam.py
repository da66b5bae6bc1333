"""The roles allow the calls that the functions make, deny others, and need each of their permissions."""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import pytest

from tests.template.document import EVERYTHING, to_list
from tests.template.expansion import SETS, expand_set, read_resources
from tests.template.iam_calls import CASES
from tests.template.iam_evaluation import (
    Document,
    is_allowed,
    read_inline_policies,
    read_managed_policies,
    read_policies,
)
from tests.template.iam_resources import Calls

ROLE = "AWS::IAM::Role"


def unfold(calls: Calls) -> Iterator[tuple[str, str]]:
    """Yield each action with each of its resources."""
    for actions, resources in calls.items():
        for action in actions.split():
            for resource in resources:
                yield action, resource


def find_mistakes(documents: Sequence[Document], parameters: str, role: str) -> list[str]:
    """Return the calls of the table that the policies deny instead of allow, or allow instead of deny."""
    return [
        f"{'denied' if expected else 'allowed'}: {action} on {resource} {dict(case.context)}"
        for case in CASES
        if (case.parameters, case.role) == (parameters, role)
        for calls, expected in ((case.allowed, True), (case.denied, False))
        for action, resource in unfold(calls)
        if is_allowed(documents, action, resource, case.context) is not expected
    ]


@pytest.mark.parametrize("parameters", sorted({case.parameters for case in CASES}))
def test_roles__allow_only_the_calls_of_their_functions(parameters: str) -> None:
    """The policies allow or deny each call of the table as expected."""
    template = expand_set(parameters)
    roles = {case.role for case in CASES if case.parameters == parameters}
    mistakes = {role: find_mistakes(read_policies(template, role), parameters, role) for role in roles}
    assert {role: found for role, found in mistakes.items() if found} == {}


def break_each_permission(documents: Sequence[Document]) -> Iterator[tuple[str, Sequence[Document]]]:
    """Yield the policies without one action or one limit: on any resource, or without a condition."""
    for number, document in enumerate(documents):
        for position, statement in enumerate(document["Statement"]):
            actions = to_list(statement["Action"])
            changes: dict[str, dict[str, Any]] = {
                f"without {action}": {"Action": [each for each in actions if each != action]} for action in actions
            }
            if statement["Resource"] != "*":
                changes["on any resource"] = {"Resource": "*"}
            if "Condition" in statement:
                changes["without its condition"] = {"Condition": {}}
            for change, members in changes.items():
                broken: Any = deepcopy(documents)
                broken[number]["Statement"][position] |= members
                yield f"{statement['Sid']} {change}", broken


@pytest.mark.parametrize("role", sorted({case.role for case in CASES}))
def test_permissions__are_all_needed_and_limited(role: str) -> None:
    """Without an action, the role denies a call of the table. Without a limit, it allows a call that it must deny."""
    noticed: set[str] = set()
    unnoticed: set[str] = set()
    for parameters in SETS:
        if role in expand_set(parameters)["Resources"]:
            for change, broken in break_each_permission(read_policies(expand_set(parameters), role)):
                (noticed if find_mistakes(broken, parameters, role) else unnoticed).add(change)
    assert len(noticed) > 3
    # The backfill's own statement includes this action of a policy that it shares
    shared = {"GlueSchema without glue:GetSchemaVersion"} if role == "BackfillRole" else set()
    assert unnoticed - noticed == shared


@pytest.mark.parametrize("parameters", SETS)
def test_roles__belong_to_one_function_and_have_only_policies_of_the_stack(parameters: str) -> None:
    """Managed policies of AWS allow their actions on every resource."""
    roles = read_resources(parameters, ROLE)
    functions = read_resources(parameters, "AWS::Lambda::Function").values()
    assert {case.role for case in CASES} >= set(roles)
    assert len({each["Role"]["Fn::GetAtt"][0] for each in functions} & set(roles)) == len(functions)
    attached = [arn["Ref"] for role in roles.values() for arn in role.get("ManagedPolicyArns", [])]
    assert set(attached) == set(read_resources(parameters, "AWS::IAM::ManagedPolicy"))
    types = {each["Type"] for each in expand_set(parameters)["Resources"].values() if "Policy" in each["Type"]}
    assert types <= {"AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"}


@pytest.mark.parametrize("parameters", SETS)
def test_statements__name_actions_and_resources(parameters: str) -> None:
    """No action has a wildcard. Three statements allow every resource, since AWS supports no narrower one."""
    roles = read_resources(parameters, ROLE)
    documents = [document for role in roles for document in read_policies(expand_set(parameters), role)]
    allowed = [each for document in documents for each in document["Statement"] if each["Effect"] == "Allow"]
    assert [each["Sid"] for each in allowed if "*" in str(each["Action"])] == []
    wide = {each["Sid"] for each in allowed if "*" in to_list(each["Resource"])}
    assert wide <= {"ListStreams", "NetworkInterfaces", "ReadEventSchemas"}


@pytest.mark.parametrize("parameters", SETS)
def test_policies__are_accepted_by_iam(parameters: str) -> None:
    """No condition removes all members of a policy or statement, and each policy is within IAM's quotas.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    for role, properties in read_resources(parameters, ROLE).items():
        names = [each["PolicyName"] for each in properties["Policies"]]
        assert len({*names}) == len(names), role
        assert len(properties.get("ManagedPolicyArns", [])) <= 10, role
        inline = read_inline_policies(expand_set(parameters), role)
        managed = read_managed_policies(expand_set(parameters), role)
        assert sum(measure(each) for each in inline) <= 10_240, role
        assert [each for each in managed if measure(each) > 6_144] == [], role
        for document in (*inline, *managed):
            assert document["Statement"], role
            assert all(each["Action"] and each["Resource"] for each in document["Statement"]), role


def measure(document: Document) -> int:
    """Return the size of a policy. IAM does not count white space."""
    return len(json.dumps(document, separators=(",", ":")))


def test_boundary__is_on_every_role() -> None:
    """An account can require a permissions boundary."""
    roles = read_resources("everything", ROLE).values()
    assert {role.get("PermissionsBoundary") for role in roles} == {EVERYTHING["PermissionsBoundaryArn"]}
