"""The templates as they are written keep to rules that no local tool checks."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.template import written_rules
from tests.template.written_rules import Templates, read_templates


class Rule(NamedTuple):
    """What finds breaches of a rule, and how a template breaks it, with what is then found."""

    find: Callable[[Templates], Iterator[str]]
    spoil: Callable[[Any, Any], object]
    """Changes template.yaml and table.yaml."""
    found: str


def set_in(*path: str, to: object) -> Callable[[Any], None]:
    """A change of one value of a template."""

    def change(template: Any) -> None:  # noqa: ANN401 -- a template
        for name in path[:-1]:
            template = template.setdefault(name, {})
        template[path[-1]] = to

    return change


def application(*path: str, to: object) -> Callable[[Any, Any], None]:
    """A change of one value of template.yaml."""
    return lambda template, _: set_in(*path, to=to)(template)


def attachment(*path: str, to: object) -> Callable[[Any, Any], None]:
    """A change of one value of table.yaml."""
    return lambda _, table: set_in(*path, to=to)(table)


SAM = "AWS::Serverless-2016-10-31"
EXPORT = {"Value": {"Ref": "FailureBucket"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Unused"}}}
CONDITIONAL = {
    "Value": {"Fn::GetAtt": ["RegistrationRole", "Arn"]},
    "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-RegistrationRoleArn"}},
}
IMPORT = {"Fn::ImportValue": {"Fn::Sub": "${Application}-Elsewhere"}}
MANY: dict[str, object] = {f"Another{number}": {} for number in range(40)}
RULES = [
    Rule(
        written_rules.find_language_extensions,
        application("Transform", to=["AWS::LanguageExtensions", SAM]),
        "template.yaml: transform",
    ),
    Rule(
        written_rules.find_language_extensions,
        attachment("Resources", "Fn::ForEach::Tables", to=["Table", ["one"], {}]),
        "table.yaml: Fn::ForEach::Tables",
    ),
    Rule(
        written_rules.find_language_extensions,
        application("Conditions", "IsLong", to={"Fn::Equals": [{"Fn::Length": [1]}, "1"]}),
        "template.yaml: Fn::Length",
    ),
    Rule(written_rules.find_other_transforms, application("Transform", to=[SAM, "Another"]), "template.yaml"),
    Rule(written_rules.find_other_transforms, attachment("Transform", to=SAM), "table.yaml"),
    Rule(
        written_rules.find_computed_policies,
        application("Resources", "FailureBucket", "DeletionPolicy", to={"Fn::If": ["IsProd", "Retain", "Delete"]}),
        "FailureBucket: DeletionPolicy",
    ),
    Rule(
        written_rules.find_starting_positions,
        application("Resources", "UserFeaturesMapping", "Properties", "StartingPosition", to="LATEST"),
        "template.yaml: LATEST",
    ),
    Rule(
        written_rules.find_starting_positions,
        attachment("Resources", "Mapping", "Properties", "StartingPosition", to={"Ref": "StartingPosition"}),
        "table.yaml: {'Ref': 'StartingPosition'}",
    ),
    Rule(written_rules.find_unused_exports, application("Outputs", "Unused", to=EXPORT), "Unused"),
    Rule(written_rules.find_missing_exports, attachment("Outputs", "More", "Value", to=IMPORT), "Elsewhere"),
    Rule(
        written_rules.find_changing_exports,
        application("Outputs", "RegistrationRoleArn", to=CONDITIONAL),
        "RegistrationRoleArn",
    ),
    Rule(
        written_rules.find_roles_of_attachments, attachment("Resources", "Role", to={"Type": "AWS::IAM::Role"}), "Role"
    ),
    Rule(
        written_rules.find_excess, lambda template, _: template["Parameters"].update(MANY), "template.yaml: parameters"
    ),
    Rule(written_rules.find_excess, lambda _, table: table["Parameters"].update(MANY), "table.yaml: parameters"),
    Rule(
        written_rules.find_computed_paths,
        application("Resources", "DependenciesLayerX86", "Properties", "ContentUri", to={"Fn::Sub": "layers/${A}"}),
        "DependenciesLayerX86: ContentUri",
    ),
    Rule(
        written_rules.find_computed_paths,
        application("Resources", "RedriveFunction", "Properties", "CodeUri", to="source"),
        "RedriveFunction: CodeUri",
    ),
    Rule(
        written_rules.find_vague_parameters,
        lambda template, _: template["Parameters"]["TopicName"].pop("ConstraintDescription"),
        "template.yaml: TopicName",
    ),
    Rule(
        written_rules.find_idle_parameters,
        application("Parameters", "Stage", to={"Type": "String"}),
        "template.yaml: Stage",
    ),
    Rule(
        written_rules.find_untexted_comparisons,
        application("Conditions", "HasReservedConcurrency", to={"Fn::Equals": [{"Ref": "ReservedConcurrency"}, -1]}),
        "-1",
    ),
]


@pytest.mark.parametrize("find", dict.fromkeys(rule.find for rule in RULES), ids=lambda find: find.__name__)
def test_templates__keep_to_the_rule(find: Callable[[Templates], Iterator[str]]) -> None:
    """Nothing is found in the project's own."""
    assert list(find(read_templates())) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.find.__name__} {rule.found}")
def test_rules__find_what_breaks_them(rule: Rule) -> None:
    """A template that breaks the rule in one place is refused for that place."""
    templates = read_templates()
    rule.spoil(templates.application, templates.attachment)
    assert list(rule.find(templates)) == [rule.found]


def test_excess__counts_lines() -> None:
    """A template that grew too long is refused."""
    templates = read_templates()._replace(lines={"template.yaml": 1_250, "table.yaml": 220})
    assert list(written_rules.find_excess(templates)) == ["template.yaml: lines", "table.yaml: lines"]


def test_rules__are_all_tried() -> None:
    """No rule is without a template that breaks it."""
    defined = {each for name, each in vars(written_rules).items() if name.startswith("find_")}
    assert defined == {rule.find for rule in RULES}
