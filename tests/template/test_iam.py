"""The roles allow the calls that the functions make and deny others, and every right is needed."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import pytest

from tests.template.document import EVERYTHING, TABLES, Template, to_members
from tests.template.expansion import SETS, expand_set
from tests.template.iam_calls import CASES
from tests.template.iam_evaluation import Document, is_allowed, read_policies
from tests.template.iam_resources import BOTH, Calls

ROLES = sorted({case.role for case in CASES})


def unfold(calls: Calls) -> Iterator[tuple[str, str]]:
    """Each action on each of its resources."""
    for actions, resources in calls.items():
        for action in actions.split():
            for resource in resources:
                yield action, resource


def find_mistakes(documents: Sequence[Document], parameters: str, role: str) -> list[str]:
    """Calls of the table that are denied and should be allowed, or the other way round."""
    return [
        f"{'denied' if expected else 'allowed'}: {action} on {resource} {dict(case.context)}"
        for case in CASES
        if (case.parameters, case.role) == (parameters, role)
        for calls, expected in ((case.allowed, True), (case.denied, False))
        for action, resource in unfold(calls)
        if is_allowed(documents, action, resource, case.context) is not expected
    ]


@pytest.mark.parametrize("parameters", sorted({case.parameters for case in CASES}))
def test_roles__allow_what_is_needed_and_nothing_else(parameters: str) -> None:
    """Every call of the table is allowed or denied as it should be."""
    template = expand_set(parameters)
    roles = {case.role for case in CASES if case.parameters == parameters}
    mistakes = {role: find_mistakes(read_policies(template, role), parameters, role) for role in roles}
    assert {role: found for role, found in mistakes.items() if found} == {}


def break_each_right(documents: Sequence[Document]) -> Iterator[tuple[str, Sequence[Document]]]:
    """The policies with one right less or one limit less: without an action, on any resource, without a condition."""
    for number, document in enumerate(documents):
        for position, statement in enumerate(document["Statement"]):
            actions = to_members(statement["Action"])
            changes: dict[str, dict[str, Any]] = {
                f"without {action}": {"Action": [each for each in actions if each != action]} for action in actions
            }
            if statement["Resource"] != "*":
                changes["on any resource"] = {"Resource": "*"}
            if "Condition" in statement:
                changes["without its condition"] = {"Condition": {}}
            for words, change in changes.items():
                broken: Any = deepcopy(documents)
                broken[number]["Statement"][position] |= change
                yield f"{statement['Sid']} {words}", broken


@pytest.mark.parametrize("role", ROLES)
def test_table__notices_each_right_that_is_missing_or_too_wide(role: str) -> None:
    """A policy without one of its actions denies a call, and one without a limit allows a call that it should deny."""
    noticed: set[str] = set()
    unnoticed: set[str] = set()
    for parameters in SETS:
        if role in expand_set(parameters)["Resources"]:
            for words, broken in break_each_right(read_policies(expand_set(parameters), role)):
                (noticed if find_mistakes(broken, parameters, role) else unnoticed).add(words)
    assert len(noticed) > 3
    assert unnoticed - noticed == set()


def test_table__turns_red_for_broken_policies() -> None:
    """A policy that lost an action, and one that reaches other tables, are told by the calls that they break."""
    template = deepcopy(expand_set(BOTH))
    statements = template["Resources"]["RedriveRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (taking,) = [each for each in statements if each["Sid"] == "TakeFailures"]
    (reading,) = [each for each in statements if each["Sid"] == "ReadItems"]
    taking["Action"] = ["s3:GetObject"]
    reading["Resource"] = [TABLES[0].replace("/one", "/*")]
    found = find_mistakes(read_policies(template, "RedriveRole"), BOTH, "RedriveRole")
    assert [each.partition(" {")[0] for each in found] == [
        "allowed: dynamodb:GetItem on arn:aws:dynamodb:us-east-1:123456789012:table/another",
        "allowed: dynamodb:GetItem on arn:aws:dynamodb:us-east-1:123456789012:table/ones",
        "denied: s3:DeleteObject on arn:aws:s3:::failure-bucket/dead-letters/one",
        "denied: s3:DeleteObject on arn:aws:s3:::failure-bucket/aws/lambda/one",
    ]


def to_document(**changes: object) -> Document:
    """A policy with one statement."""
    return {"Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*", **changes}]}


DENIAL = to_document(Effect="Deny", Resource="arn:aws:s3:::a/secret/*")


@pytest.mark.parametrize(
    ("documents", "context", "expected"),
    [
        ([to_document()], {}, True),
        ([], {}, False),
        ([to_document(), DENIAL], {}, False),
        ([DENIAL], {}, False),
        ([to_document(Action="S3:getobject")], {}, True),
        ([to_document(Action="s3:GetObject?")], {}, False),
        ([to_document(Resource="arn:aws:s3:*")], {}, False),
        ([to_document(Resource=["arn:aws:s3:::b", "*"])], {}, True),
        ([to_document(Condition={"Bool": {"aws:SecureTransport": "true"}})], {"aws:securetransport": "True"}, True),
        ([to_document(Condition={"StringEquals": {"k": ["v", "w"]}})], {"k": "w"}, True),
        ([to_document(Condition={"StringEquals": {"k": "v"}})], {"k": "V"}, False),
        ([to_document(Condition={"StringLike": {"k": "v*"}})], {}, False),
        (
            [to_document(Condition={"StringLike": {"k": "v*"}, "StringEquals": {"l": "w"}})],
            {"k": "v1", "l": "x"},
            False,
        ),
        ([to_document(Condition={"ArnLike": {"k": "arn:aws:s3:*:*:b/*"}})], {"k": "arn:aws:s3:::b/1:2"}, True),
        ([to_document(Condition={"ArnLike": {"k": "arn:aws:*:b"}})], {"k": "arn:aws:s3:::b"}, False),
    ],
)
def test_is_allowed__follows_iam(documents: list[Document], context: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    """A denial wins, nothing is allowed that no statement allows, and a condition needs its key."""
    assert is_allowed(documents, "s3:GetObject", "arn:aws:s3:::a/secret/one", context) is expected


@pytest.mark.parametrize(
    "change", [{"NotAction": "s3:*"}, {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]
)
def test_is_allowed__refuses_what_it_does_not_know(change: dict[str, object]) -> None:
    """A statement that it would misjudge is an error."""
    with pytest.raises(ValueError, match="is not supported"):
        is_allowed([to_document(**change)], "s3:GetObject", "arn:aws:s3:::a/b", {})


def read_kind(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the resources of a type."""
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


@pytest.mark.parametrize("parameters", SETS)
def test_roles__have_nothing_from_elsewhere(parameters: str) -> None:
    """Each function has a role to itself, and no role has a managed policy of AWS, which grants on *."""
    template = expand_set(parameters)
    roles = read_kind(template, "AWS::IAM::Role")
    functions = read_kind(template, "AWS::Lambda::Function").values()
    assert {case.role for case in CASES} >= set(roles)
    assert len({each["Role"]["Fn::GetAtt"][0] for each in functions} & set(roles)) == len(functions)
    attached = [arn["Ref"] for role in roles.values() for arn in role.get("ManagedPolicyArns", [])]
    assert set(attached) == set(read_kind(template, "AWS::IAM::ManagedPolicy"))
    kinds = {each["Type"] for each in template["Resources"].values() if "Policy" in each["Type"]}
    assert kinds <= {"AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"}


@pytest.mark.parametrize("parameters", SETS)
def test_statements__name_what_they_allow(parameters: str) -> None:
    """No action has a wildcard, and only two kinds of calls are allowed on every resource, since AWS knows none."""
    template = expand_set(parameters)
    documents = [
        document for role in read_kind(template, "AWS::IAM::Role") for document in read_policies(template, role)
    ]
    allowed = [each for document in documents for each in document["Statement"] if each["Effect"] == "Allow"]
    assert [each["Sid"] for each in allowed if "*" in str(each["Action"])] == []
    assert {each["Sid"] for each in allowed if "*" in to_members(each["Resource"])} <= {
        "ListStreams",
        "NetworkInterfaces",
    }


def test_boundary__is_on_every_role() -> None:
    """An account that asks for a permissions boundary gets it on each role."""
    roles = read_kind(expand_set("everything"), "AWS::IAM::Role").values()
    assert {role.get("PermissionsBoundary") for role in roles} == {EVERYTHING["PermissionsBoundaryArn"]}


def test_failure_bucket__is_closed_to_plain_http() -> None:
    """The failure bucket cannot be reached without TLS, and nothing in it is public."""
    resources = expand_set("pinned id")["Resources"]
    (statement,) = resources["FailureBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(resources["FailureBucket"]["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
