"""Resolves CloudFormation's functions, as far as their values are known before a deployment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NO_VALUE = object()
"""AWS::NoValue, which removes the property or list member that it is the value of."""

DECISIONS: Mapping[str, Callable[..., bool]] = {
    "Fn::And": lambda *conditions: all(conditions),
    "Fn::Or": lambda *conditions: any(conditions),
    "Fn::Not": lambda condition: not condition,
    "Fn::Equals": lambda one, other: str(one) == str(other),
    "Fn::Contains": lambda values, value: value in values,
}


@dataclass(frozen=True)
class Resolver:
    """Resolves functions with these values of parameters and attributes; what waits for a resource stays a function."""

    known: Mapping[str, Any]
    """Parameter, pseudo parameter or RESOURCE.ATTRIBUTE -> its value."""
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, node: Any) -> Any:  # noqa: ANN401 -- a part of a template
        """The same part with its functions resolved.

        Raises:
            ValueError: a function is not one of those known here.
            IndexError: Fn::Select has no such member.

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
    """Return whether a map with this only member is a function; a policy's Condition is not one."""
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


def to_list(value: Any) -> list[Any]:  # noqa: ANN401
    """The members of a list; a function that stands for one is its only member."""
    return value if isinstance(value, list) else [value]
