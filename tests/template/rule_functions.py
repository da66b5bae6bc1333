"""Evaluates the template's Rules as CloudFormation does before it creates anything.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-rules.html
"""

from tests.template.document import Parameters, Template
from tests.template.functions import Resolver


def to_known(template: Template, parameters: Parameters) -> dict[str, str | list[str]]:
    """The parameters' values as functions see them: a list for a parameter that is one."""
    kinds = {name: each["Type"] for name, each in template["Parameters"].items()}
    return {
        name: to_list(value) if kinds[name] == "CommaDelimitedList" else value for name, value in parameters.items()
    }


def to_list(text: str) -> list[str]:
    """The members of a list parameter."""
    return [each.strip() for each in text.split(",")]


def find_refusals(template: Template, parameters: Parameters) -> list[str]:
    """The description of every assertion that these parameters do not meet."""
    resolver = Resolver(to_known(template, parameters))
    rules = [each for each in template["Rules"].values() if resolver.resolve(each.get("RuleCondition", True))]
    assertions = [assertion for rule in rules for assertion in rule["Assertions"]]
    return [each["AssertDescription"] for each in assertions if not resolver.resolve(each["Assert"])]
