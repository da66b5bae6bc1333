"""The templates, as written and expanded, follow the rules of cfn-lint and rules that no linter checks."""

import json
import re
from collections.abc import Iterator
from contextlib import chdir
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.rules import RulesCollection  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]

from local.environment import REGION
from local.paths import ROOT
from tests.template.document import read_defaults, read_template
from tests.template.expansion import ALL_SETS, ATTACHMENT_SETS, SETS, expand_set

APPLICATION, ATTACHMENT = read_template(), read_template("table.yaml")
TEMPLATES = pytest.mark.parametrize("template", [APPLICATION, ATTACHMENT], ids=["template.yaml", "table.yaml"])


def walk(node: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- a part of a template
    """Yield every name in a part of a template with its value."""
    for each in node if isinstance(node, list) else []:
        yield from walk(each)
    for name, each in node.items() if isinstance(node, dict) else []:
        yield name, each
        yield from walk(each)


def test_transform__is_sams_for_the_application_and_none_for_an_attachment() -> None:
    """Without AWS::LanguageExtensions, cfn-lint reports loops and functions that need it."""
    assert APPLICATION["Transform"] == "AWS::Serverless-2016-10-31"
    assert "Transform" not in ATTACHMENT


def test_attachment__needs_no_capability() -> None:
    """A team without the right to create roles can deploy table.yaml."""
    types = [each["Type"] for each in ATTACHMENT["Resources"].values()]
    assert [each for each in types if each.startswith("AWS::IAM::")] == []


@pytest.mark.parametrize(("template", "limit"), [(APPLICATION, 36), (ATTACHMENT, 10)])
def test_parameters__are_few(template: Any, limit: int) -> None:  # noqa: ANN401 -- a template
    """A parameter exists only if a deployer needs it."""
    assert len(template["Parameters"]) <= limit


@TEMPLATES
def test_parameters__are_described_limited_and_used(template: Any) -> None:  # noqa: ANN401 -- a template
    """CloudFormation rejects a wrong value with the parameter's own description of the allowed values."""
    used = {each for key, each in walk(template) if key == "Ref" and isinstance(each, str)}
    used |= set(re.findall(r"\$\{(\w+)\}", str(template)))
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"]
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys(), name
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, name
        assert name in used


@TEMPLATES
def test_comparisons__are_between_texts(template: Any) -> None:  # noqa: ANN401 -- a template
    """A parameter's value is text, whatever its type: https://github.com/aws-cloudformation/cfn-lint/issues/3458."""
    compared = [sides for key, sides in walk(template) if key == "Fn::Equals"]
    assert [side for sides in compared for side in sides if not isinstance(side, str | dict)] == []


@TEMPLATES
def test_deletion_policies__are_literals(template: Any) -> None:  # noqa: ANN401 -- a template
    """CloudFormation resolves no function in them without AWS::LanguageExtensions."""
    names = ("DeletionPolicy", "UpdateReplacePolicy")
    assert [key for key, value in walk(template) if key in names and not isinstance(value, str)] == []


@TEMPLATES
def test_mappings__start_at_the_oldest_record(template: Any) -> None:  # noqa: ANN401 -- a template
    """LATEST can miss records: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html."""
    assert {value for key, value in walk(template) if key == "StartingPosition"} == {"TRIM_HORIZON"}


def test_uploads__are_from_literal_paths() -> None:
    """`aws cloudformation package` does not resolve functions."""
    names = {"CodeUri", "ContentUri", "DefinitionUri"}
    paths = [value for key, value in walk(APPLICATION["Resources"]) if key in names]
    assert [path for path in paths if not isinstance(path, str) or not (ROOT / path).exists()] == []


def read_exports() -> dict[str, str]:
    """Return the name of each export of the application, without the stack's name, by its output."""
    outputs = {
        name: each["Export"]["Name"]["Fn::Sub"] for name, each in APPLICATION["Outputs"].items() if "Export" in each
    }
    return {name: export.removeprefix("${AWS::StackName}-") for name, export in outputs.items()}


def test_exports__have_the_names_of_their_outputs_and_include_the_imports_of_attachments() -> None:
    """table.yaml cannot be deployed if the application lacks an export."""
    exports = read_exports()
    assert exports == {name: name for name in exports}
    imports = {
        each["Fn::Sub"].removeprefix("${Application}-") for key, each in walk(ATTACHMENT) if key == "Fn::ImportValue"
    }
    assert imports <= exports.keys()


def test_exports__never_change() -> None:
    """CloudFormation rejects an update of an imported export, so neither output nor resource may be conditional.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    for name in read_exports():
        output = APPLICATION["Outputs"][name]
        (value,) = output["Value"].values()
        resource = APPLICATION["Resources"][value if isinstance(value, str) else value[0]]
        assert "Condition" not in output | resource, name


@pytest.mark.parametrize(("name", "sets"), [("template.yaml", SETS), ("table.yaml", ATTACHMENT_SETS)])
def test_sets__cover_every_parameter(name: str, sets: dict[str, dict[str, str]]) -> None:
    """Each parameter with a default has another value in some set."""
    defaults = read_defaults(read_template(name))
    changed = {key for given in sets.values() for key, value in given.items() if value != defaults.get(key)}
    assert defaults.keys() - changed == set()


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RulesCollection]:
    """Load cfn-lint's rules once, in a directory without the exceptions of .cfnlintrc.yaml."""
    with chdir(tmp_path_factory.mktemp("lint")):
        yield Runner(ConfigMixIn(regions=[REGION])).rules


@pytest.mark.parametrize("name", ALL_SETS)
def test_lint__finds_nothing(name: str, rules: RulesCollection) -> None:
    """No rule reports an error or a warning."""
    found = lint(json.dumps(expand_set(name)), rules, [REGION])
    assert [f"{each.rule.id} {each.message}" for each in found] == []
