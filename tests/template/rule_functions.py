"""Evaluates the template's Rules as CloudFormation does before it makes anything.

The functions and what they mean:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.template.document import Parameters, Template

FUNCTIONS: Mapping[str, Callable[..., bool]] = {
    "Fn::And": lambda *conditions: all(conditions),
    "Fn::Or": lambda *conditions: any(conditions),
    "Fn::Not": lambda condition: not condition,
    "Fn::Equals": lambda one, other: one == other,
    "Fn::Contains": lambda values, value: value in values,
    "Fn::EachMemberEquals": lambda values, value: all(each == value for each in values),
}


def find_refusals(template: Template, parameters: Parameters) -> list[str]:
    """The description of every assertion that these parameters do not meet."""
    kinds = {name: each["Type"] for name, each in template["Parameters"].items()}

    def evaluate(node: Any) -> Any:  # noqa: ANN401 -- a tree of the template
        if isinstance(node, list):
            return [evaluate(each) for each in node]
        if not isinstance(node, dict):
            return str(node)
        ((name, argument),) = node.items()
        if name == "Ref":
            return to_list(parameters[argument]) if kinds[argument] == "CommaDelimitedList" else parameters[argument]
        return FUNCTIONS[name](*evaluate(argument))

    rules = [rule for rule in template["Rules"].values() if evaluate(rule.get("RuleCondition", TRUE))]
    assertions = [assertion for rule in rules for assertion in rule["Assertions"]]
    return [each["AssertDescription"] for each in assertions if not evaluate(each["Assert"])]


TRUE = {"Fn::Equals": ["", ""]}


def to_list(text: str) -> list[str]:
    """The members of a list parameter."""
    return [each.strip() for each in text.split(",")]
