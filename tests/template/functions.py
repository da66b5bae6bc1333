"""Resolve CloudFormation's functions, as far as values are known before a deployment, and check parameters.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.template.document import Parameters, Template, to_list

NO_VALUE = object()
"""AWS::NoValue, which removes a property or a member of a list."""

DECISIONS: Mapping[str, Callable[..., bool]] = {
    "Fn::And": lambda *conditions: all(conditions),
    "Fn::Or": lambda *conditions: any(conditions),
    "Fn::Not": lambda condition: not condition,
    "Fn::Equals": lambda one, other: str(one) == str(other),
    "Fn::Contains": lambda values, value: value in values,
}


@dataclass(frozen=True)
class Resolver:
    """Resolves functions with known values. A function that depends on other values remains."""

    known: Mapping[str, Any]
    """Values of parameters, pseudo parameters and attributes (RESOURCE.ATTRIBUTE)."""
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 -- a part of a template
        """Return a part of a template with its functions resolved.

        Raises:
            ValueError: a function is not supported here.
            IndexError: the list of Fn::Select does not have that member.

        """
        if isinstance(node, list):
            return [each for each in map(self.resolve, node) if each is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if is_function(name, argument):
                return self._call(name, argument)
        resolved = {name: self.resolve(each) for name, each in node.items()}
        return {name: each for name, each in resolved.items() if each is not NO_VALUE}

    def decide(self, condition: str) -> bool:
        """Return whether a condition is met."""
        return bool(self.resolve(self.conditions[condition]))

    def _call(self, name: str, argument: Any) -> Any:  # noqa: ANN401
        if name == "Ref":
            return NO_VALUE if argument == "AWS::NoValue" else self.known.get(argument, {name: argument})
        if name == "Fn::GetAtt":
            attribute = argument if isinstance(argument, str) else ".".join(argument)
            return self.known.get(attribute, {name: attribute.split(".", 1)})
        if name == "Fn::If":
            condition, met, unmet = argument
            return self.resolve(met if self.decide(condition) else unmet)
        if name == "Fn::Sub":
            return self._substitute(argument)
        if name == "Condition":
            return self.decide(argument)
        return _combine(name, self.resolve(argument))

    def _substitute(self, argument: Any) -> Any:  # noqa: ANN401
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        known = {**self.known, **self.resolve(variables)}
        replaced = re.sub(r"\$\{([^!}]+)\}", lambda found: str(known.get(found[1], found[0])), text)
        return {"Fn::Sub": replaced} if re.search(r"\$\{[^!}]", replaced) else replaced.replace("${!", "${")


def is_function(name: str, argument: object) -> bool:
    """Return whether a map with this single member is a function. A policy's Condition is not."""
    return name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str))


def _combine(name: str, argument: Any) -> Any:  # noqa: ANN401
    if name in DECISIONS:
        return DECISIONS[name](*argument)
    if name == "Fn::ImportValue":
        return {name: argument}
    first, second = argument
    if name == "Fn::Join":
        return first.join(second) if all(isinstance(each, str) for each in to_list(second)) else {name: argument}
    if name == "Fn::Split":
        return second.split(first) if isinstance(second, str) else {name: argument}
    if name == "Fn::Select":
        return second[int(first)] if isinstance(second, list) else {name: argument}
    raise ValueError(f"{name} is not supported")


def to_known(template: Template, parameters: Parameters) -> dict[str, str | list[str]]:
    """Return the parameters' values as functions see them: lists for list parameters."""
    types = {name: each["Type"] for name, each in template["Parameters"].items()}
    return {
        name: split_list(value) if types[name] == "CommaDelimitedList" else value for name, value in parameters.items()
    }


def split_list(text: str) -> list[str]:
    """Return the members of a list parameter."""
    return [each.strip() for each in text.split(",")]


def find_failed_assertions(template: Template, parameters: Parameters) -> list[str]:
    """Return the descriptions of the assertions in the template's Rules that these parameters do not meet.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
    """
    resolver = Resolver(to_known(template, parameters))
    rules = [each for each in template["Rules"].values() if resolver.resolve(each.get("RuleCondition", True))]
    assertions = [assertion for rule in rules for assertion in rule["Assertions"]]
    return [each["AssertDescription"] for each in assertions if not resolver.resolve(each["Assert"])]


def find_invalid(template: Template, parameters: Parameters) -> list[str]:
    """Return the parameters that the template lacks, or whose values its limits reject."""
    return [name for name, value in parameters.items() if not _is_valid(template["Parameters"].get(name), value)]


def _is_valid(parameter: Mapping[str, Any] | None, value: str) -> bool:
    if parameter is None:
        return False
    values = split_list(value) if parameter["Type"] == "CommaDelimitedList" else [value]
    return (
        all(re.fullmatch(parameter.get("AllowedPattern", ".*"), each, re.DOTALL) for each in values)
        and value in [str(each) for each in parameter.get("AllowedValues", [value])]
        and len(value) <= parameter.get("MaxLength", 4096)
        and ("MinValue" not in parameter or parameter["MinValue"] <= int(value) <= parameter["MaxValue"])
    )
