"""Decides whether a role's policies allow a call, as IAM does for a role of the same account.

A call is allowed if a statement allows it and none denies it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Permissions boundaries, and the policies of buckets, keys and organizations, are not part of it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.environment import REGION
from tests.template.document import Template, to_members
from tests.template.expansion import ACCOUNT
from tests.template.functions import Resolver

type Document = Mapping[str, Any]
type Context = Mapping[str, str]

BUCKET = "failure-bucket"
"""The name that CloudFormation gives the failure bucket, which has none in the template."""
_PLACE = f"{REGION}:{ACCOUNT}"
ATTRIBUTES: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, str]]] = {
    "AWS::DynamoDB::Table": lambda table: {
        "Arn": f"arn:aws:dynamodb:{_PLACE}:table/{table['TableName']}",
        "StreamArn": f"arn:aws:dynamodb:{_PLACE}:table/{table['TableName']}/stream/2026-01-01T00:00:00.000",
    },
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    "AWS::Logs::LogGroup": lambda group: {"Arn": f"arn:aws:logs:{_PLACE}:log-group:{group['LogGroupName']}:*"},
    "AWS::Lambda::Function": lambda function: {"Arn": f"arn:aws:lambda:{_PLACE}:function:{function['FunctionName']}"},
    "AWS::S3::Bucket": lambda _: {"Arn": f"arn:aws:s3:::{BUCKET}"},
}
"""Type of a resource -> its attributes that policies refer to, by its properties."""


def read_policies(expanded_template: Template, role_logical_id: str) -> list[Document]:
    """The documents of a role's inline and managed policies, with the ARNs of a deployment."""
    resources = expanded_template["Resources"]
    attributes = {
        f"{name}.{attribute}": arn
        for name, each in resources.items()
        if each["Type"] in ATTRIBUTES
        for attribute, arn in ATTRIBUTES[each["Type"]](each["Properties"]).items()
    }
    role = resources[role_logical_id]["Properties"]
    policies = [
        *role.get("Policies", []),
        *(resources[each["Ref"]]["Properties"] for each in role.get("ManagedPolicyArns", [])),
    ]
    documents: list[Document] = Resolver(attributes).resolve([each["PolicyDocument"] for each in policies])
    return documents


def is_allowed(documents: Iterable[Document], action: str, resource: str, context: Context) -> bool:
    """Return whether these policies allow an action on a resource in a context of condition keys.

    Raises:
        ValueError: a statement has an element or a condition that is not evaluated here.

    """
    statements = [statement for document in documents for statement in to_members(document["Statement"])]
    effects = {each["Effect"] for each in statements if _applies(each, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    if unknown := statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise ValueError(f"{', '.join(sorted(unknown))} in a statement is not supported")
    keys = {key.lower(): value for key, value in context.items()}
    return (
        any(_is_like(action.lower(), each.lower()) for each in to_members(statement["Action"]))
        and any(_is_arn_like(resource, each) for each in to_members(statement["Resource"]))
        and all(
            _is_met(operator, keys.get(key.lower()), to_members(values))
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _is_like(text: str, pattern: str) -> bool:
    """Return whether a text has the form of a pattern, in which * is any text and ? any character."""
    form = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(form, text, re.DOTALL) is not None


def _is_arn_like(arn: str, pattern: str) -> bool:
    """Return whether each of six parts has its form: a wildcard reaches across slashes, but not into the next part.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if pattern == "*":
        return True
    parts, forms = arn.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(forms) and all(_is_like(part, form) for part, form in zip(parts, forms, strict=True))


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringLike": _is_like,
    "ArnLike": _is_arn_like,
    "ArnEquals": _is_arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
}
"""Each is met by one of several values, and not by a key that the context lacks.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""


def _is_met(operator: str, value: str | None, wanted: list[str]) -> bool:
    if operator not in OPERATORS:
        raise ValueError(f"the condition operator {operator} is not supported")
    return value is not None and any(OPERATORS[operator](value, each) for each in wanted)
