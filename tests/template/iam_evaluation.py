"""Evaluate whether a role's policies allow a call, as IAM does for a role of the same account.

A call is allowed if a statement allows it and none denies it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Permissions boundaries, and the policies of buckets, keys and organizations, are not evaluated.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.template.document import PLACE, Template, to_list
from tests.template.functions import Resolver

type Document = Mapping[str, Any]
type Context = Mapping[str, str]

BUCKET = "failure-bucket".ljust(63, "x")
"""The failure bucket's name. CloudFormation generates it, with at most 63 characters."""
ATTRIBUTES: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, str]]] = {
    "AWS::DynamoDB::Table": lambda table: {
        "Arn": f"arn:aws:dynamodb:{PLACE}:table/{table['TableName']}",
        "StreamArn": f"arn:aws:dynamodb:{PLACE}:table/{table['TableName']}/stream/2026-01-01T00:00:00.000",
    },
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    "AWS::Logs::LogGroup": lambda group: {"Arn": f"arn:aws:logs:{PLACE}:log-group:{group['LogGroupName']}:*"},
    "AWS::Lambda::Function": lambda function: {"Arn": f"arn:aws:lambda:{PLACE}:function:{function['FunctionName']}"},
    "AWS::S3::Bucket": lambda _: {"Arn": f"arn:aws:s3:::{BUCKET}"},
}
"""For each resource type, a function from the properties to the attributes that policies refer to."""


def read_policies(expanded_template: Template, role_logical_id: str) -> list[Document]:
    """Return a role's inline and managed policies with the ARNs of a deployment."""
    return [
        *read_inline_policies(expanded_template, role_logical_id),
        *read_managed_policies(expanded_template, role_logical_id),
    ]


def read_inline_policies(expanded_template: Template, role_logical_id: str) -> list[Document]:
    """Return a role's inline policies with the ARNs of a deployment."""
    role = expanded_template["Resources"][role_logical_id]["Properties"]
    return _resolve(expanded_template, role["Policies"])


def read_managed_policies(expanded_template: Template, role_logical_id: str) -> list[Document]:
    """Return a role's managed policies with the ARNs of a deployment."""
    resources = expanded_template["Resources"]
    arns = resources[role_logical_id]["Properties"].get("ManagedPolicyArns", [])
    return _resolve(expanded_template, [resources[each["Ref"]]["Properties"] for each in arns])


def _resolve(expanded_template: Template, policies: Iterable[Mapping[str, Any]]) -> list[Document]:
    resources = expanded_template["Resources"]
    attributes = {
        f"{name}.{attribute}": arn
        for name, each in resources.items()
        if each["Type"] in ATTRIBUTES
        for attribute, arn in ATTRIBUTES[each["Type"]](each["Properties"]).items()
    }
    documents: list[Document] = Resolver(attributes).resolve([each["PolicyDocument"] for each in policies])
    return documents


def is_allowed(documents: Iterable[Document], action: str, resource: str, context: Context) -> bool:
    """Return whether policies allow an action on a resource in a context of condition keys.

    Raises:
        ValueError: a statement has an element or a condition operator that is not supported here.

    """
    statements = [statement for document in documents for statement in to_list(document["Statement"])]
    effects = {each["Effect"] for each in statements if _applies(each, action, resource, context)}
    return effects == {"Allow"}


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    if unknown := statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        raise ValueError(f"{', '.join(sorted(unknown))} in a statement is not supported")
    keys = {key.lower(): value for key, value in context.items()}
    return (
        any(_is_like(action.lower(), each.lower()) for each in to_list(statement["Action"]))
        and any(_is_arn_like(resource, each) for each in to_list(statement["Resource"]))
        and all(
            _is_met(operator, keys.get(key.lower()), to_list(values))
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _is_like(text: str, pattern: str) -> bool:
    """Return whether a text matches a pattern, in which * is any text and ? any character."""
    form = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(form, text, re.DOTALL) is not None


def _is_arn_like(arn: str, pattern: str) -> bool:
    """Return whether each of six parts matches its pattern. A wildcard matches slashes, but not colons.

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
}
"""Condition operators. A condition needs its key in the context and one matching value.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""


def _is_met(operator: str, value: str | None, wanted: list[str]) -> bool:
    if operator not in OPERATORS:
        raise ValueError(f"the condition operator {operator} is not supported")
    return value is not None and any(OPERATORS[operator](value, each) for each in wanted)
